//! The gRPC API: decodes, asks the service, encodes. It holds no rule and no query.

mod admin;
mod admit;
mod body;
mod campaigns;
mod entry;
mod framing;
mod inbound;
mod messaging;
mod observe;
mod repeats;
mod send_many;
mod status;
mod webhooks;

use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic_health::server::HealthReporter;

pub use admin::InProcess;
pub use admit::AdmitLayer;
pub use observe::ObserveLayer;
pub use status::render;

use crate::proto::admin_service_server::AdminServiceServer;
use crate::proto::campaign_service_server::CampaignServiceServer;
use crate::proto::inbound_service_server::InboundServiceServer;
use crate::proto::messaging_service_server::MessagingServiceServer;
use crate::proto::webhook_service_server::WebhookServiceServer;
use crate::service::Service;

/// The compression that gRPC clients of all languages know.
const GZIP: CompressionEncoding = CompressionEncoding::Gzip;
/// The largest request that is decoded, in bytes, uncompressed.
const MAX_REQUEST: usize = 4 * 1024 * 1024;

/// A service that takes requests up to [`MAX_REQUEST`], compressed or not, and compresses its answers for those who ask for it.
macro_rules! bounded {
    ($service:expr) => {
        $service.max_decoding_message_size(MAX_REQUEST).accept_compressed(GZIP).send_compressed(GZIP)
    };
}

/// The services, each under its own name in health and reflection.
#[derive(Clone)]
pub struct GrpcApi {
    service: Service,
}

/// Says to the health service how the API stands.
#[derive(Clone)]
pub struct Health {
    reporter: HealthReporter,
}

impl Health {
    /// Says whether calls are served, for each service and for all.
    pub async fn set(&self, serving: bool) {
        let status =
            if serving { tonic_health::ServingStatus::Serving } else { tonic_health::ServingStatus::NotServing };
        for name in ["", "MessagingService", "CampaignService", "InboundService", "WebhookService", "AdminService"] {
            let name = if name.is_empty() { String::new() } else { format!("messaging.v1.{name}") };
            self.reporter.set_service_status(name, status).await;
        }
    }

    /// Says, under the name `provider`, whether messages reach the provider by the default account. The services go on
    /// serving while they do not: they accept, and the queue is the buffer.
    pub async fn set_provider(&self, open: bool) {
        let status = if open { tonic_health::ServingStatus::Serving } else { tonic_health::ServingStatus::NotServing };
        self.reporter.set_service_status("provider", status).await;
    }
}

/// All routes of the API: the services, health and, if it `reflects`, reflection in both its versions.
pub async fn routes(service: Service, reflects: bool) -> Result<(Routes, Health), tonic_reflection::server::Error> {
    let admin = admin::AdminApi { operations: service.operations() };
    let api = GrpcApi { service };
    let (reporter, health) = tonic_health::server::health_reporter();
    let health_of = Health { reporter };
    health_of.set(true).await;
    health_of.set_provider(true).await;
    // The google.rpc types are not part of any method's signature; without them tools print error details as base64.
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(crate::proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let routes = Routes::new(bounded!(MessagingServiceServer::new(api.clone())))
        .add_service(bounded!(CampaignServiceServer::new(api.clone())))
        .add_service(bounded!(InboundServiceServer::new(api.clone())))
        .add_service(bounded!(WebhookServiceServer::new(api)))
        .add_service(bounded!(AdminServiceServer::new(admin)))
        .add_service(health);
    if !reflects {
        return Ok((routes, health_of));
    }
    let routes = routes.add_service(reflection().build_v1()?).add_service(reflection().build_v1alpha()?);
    Ok((routes, health_of))
}
