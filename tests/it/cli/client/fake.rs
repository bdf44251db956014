//! A service that answers from a script and notes what it was asked.

pub(super) mod hooks;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures::{Stream, StreamExt as _};
use messaging::admission::{ConnectionLimits, Connections};
use messaging::proto::campaign_service_server::{CampaignService, CampaignServiceServer};
use messaging::proto::inbound_service_server::{InboundService, InboundServiceServer};
use messaging::proto::messaging_service_server::{MessagingService, MessagingServiceServer};
use messaging::proto::webhook_service_server::WebhookServiceServer;
use messaging::proto::*;
use messaging::server::tls::{Tls, incoming};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

type Answer<T> = Result<Response<T>, Status>;
type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// One step of a scripted stream.
#[derive(Clone)]
pub(super) enum Step {
    Event(RefreshStatusBulkResponse),
    Error(Status),
    /// Nothing more is said.
    Hang,
}

/// The service's answers: the next answer of each kind, and INTERNAL where there is none.
#[derive(Default)]
pub(super) struct Script {
    pub(super) send: VecDeque<Result<SendSingleResponse, Status>>,
    /// Of each stream of sends, how many are told before it is cut.
    pub(super) many: VecDeque<usize>,
    pub(super) status: VecDeque<GetMessageStatusResponse>,
    pub(super) message: VecDeque<GetMessageResponse>,
    pub(super) pages: VecDeque<ListMessagesResponse>,
    pub(super) counts: VecDeque<CountMessagesResponse>,
    pub(super) inbox: VecDeque<ListInboundResponse>,
    pub(super) written: VecDeque<Vec<Result<WatchInboundResponse, Status>>>,
    pub(super) refresh: VecDeque<RefreshStatusResponse>,
    pub(super) bulk: VecDeque<Vec<Step>>,
    pub(super) explain: VecDeque<ExplainMessageResponse>,
    pub(super) cancel: VecDeque<CancelMessageResponse>,
    pub(super) campaign: VecDeque<Campaign>,
    pub(super) campaigns: VecDeque<ListCampaignsResponse>,
    /// The ids that are not known the next time that they are asked by.
    pub(super) unknown: Vec<String>,
    pub(super) stats: VecDeque<CampaignStats>,
    pub(super) added: VecDeque<Result<AddRecipientsResponse, Status>>,
    pub(super) plan: Option<CampaignPlan>,
    pub(super) watch: VecDeque<Vec<Result<WatchCampaignResponse, Status>>>,
    pub(super) changes: VecDeque<Vec<Result<WatchMessagesResponse, Status>>>,
    pub(super) hooks: Box<hooks::Script>,
}

/// The requests that the service got.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) sends: Vec<SendSingleRequest>,
    /// The requests of each stream of sends.
    pub(super) many: Vec<Vec<SendManyRequest>>,
    pub(super) lists: Vec<ListMessagesRequest>,
    pub(super) counts: Vec<CountMessagesRequest>,
    pub(super) inboxes: Vec<ListInboundRequest>,
    pub(super) follows: Vec<WatchInboundRequest>,
    pub(super) bulks: Vec<RefreshStatusBulkRequest>,
    pub(super) watches: Vec<WatchMessagesRequest>,
    pub(super) campaigns: Vec<CreateCampaignRequest>,
    pub(super) cancels: Vec<CancelMessageRequest>,
    pub(super) hooks: hooks::Heard,
    /// The requests of each stream of recipients.
    pub(super) added: Vec<Vec<AddRecipientsRequest>>,
    /// The actions on campaigns.
    pub(super) moves: Vec<(&'static str, i64)>,
    /// The credentials of each call: metadata name and value.
    pub(super) credentials: Vec<(&'static str, String)>,
}

#[derive(Clone)]
struct Service {
    script: Arc<Mutex<Script>>,
    heard: Arc<Mutex<Heard>>,
}

/// The running service; it ends with the value.
pub(super) struct Fake {
    pub(super) addr: SocketAddr,
    heard: Arc<Mutex<Heard>>,
    _serving: AbortOnDropHandle<()>,
}

impl Fake {
    pub(super) async fn start(script: Script) -> Self {
        Self::start_with(script, None).await
    }

    pub(super) async fn start_with(script: Script, tls: Option<Tls>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let heard = Arc::<Mutex<Heard>>::default();
        let service = Service { script: Arc::new(Mutex::new(script)), heard: Arc::clone(&heard) };
        let serving = tokio::spawn(async move {
            Server::builder()
                .add_service(MessagingServiceServer::new(service.clone()))
                .add_service(InboundServiceServer::new(service.clone()))
                .add_service(WebhookServiceServer::new(service.clone()))
                .add_service(CampaignServiceServer::new(service))
                .serve_with_incoming_shutdown(
                    incoming(listener, tls, Connections::new(ConnectionLimits::of(1000))),
                    std::future::pending(),
                )
                .await
                .unwrap();
        });
        Self { addr, heard, _serving: AbortOnDropHandle::new(serving) }
    }

    /// The requests it got, once.
    pub(super) fn heard(&self) -> Heard {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

impl Service {
    /// Refuses an id that is scripted as unknown to the call that is asked by it.
    fn known(&self, id: &str) -> Result<(), Status> {
        let mut script = self.script.lock().unwrap();
        match script.unknown.iter().position(|unknown| unknown == id) {
            Some(at) => {
                script.unknown.remove(at);
                Err(Status::not_found("Message not found"))
            }
            None => Ok(()),
        }
    }

    /// Notes the credentials and takes the next answer.
    fn next<R, T>(&self, request: &Request<R>, of: impl FnOnce(&mut Script) -> Option<T>) -> Result<T, Status> {
        for name in ["authorization", "x-api-key"] {
            if let Some(value) = request.metadata().get(name) {
                self.heard.lock().unwrap().credentials.push((name, value.to_str().unwrap().to_owned()));
            }
        }
        of(&mut self.script.lock().unwrap()).ok_or_else(|| Status::internal("the script is at its end"))
    }
}

#[tonic::async_trait]
impl InboundService for Service {
    async fn list_inbound(&self, request: Request<ListInboundRequest>) -> Answer<ListInboundResponse> {
        let page = self.next(&request, |script| script.inbox.pop_front())?;
        self.heard.lock().unwrap().inboxes.push(request.into_inner());
        Ok(Response::new(page))
    }

    async fn get_inbound(&self, _: Request<GetInboundRequest>) -> Answer<GetInboundResponse> {
        Err(Status::unimplemented(""))
    }

    type WatchInboundStream = Events<WatchInboundResponse>;

    async fn watch_inbound(&self, request: Request<WatchInboundRequest>) -> Answer<Self::WatchInboundStream> {
        let events = self.next(&request, |script| script.written.pop_front())?;
        self.heard.lock().unwrap().follows.push(request.into_inner());
        Ok(Response::new(Box::pin(futures::stream::iter(events))))
    }
}

/// A message that was sent; one whose text is `bad` is refused.
fn told(request: SendManyRequest) -> SendManyResponse {
    use messaging::proto::send_many_response::Result as Told;
    let asked = request.message.unwrap();
    let result = if asked.text == "bad" {
        let status = messaging::grpc::render(&messaging::error::Error::invalid("text", "must be good"));
        Told::Error(prost::Message::decode(status.details()).unwrap())
    } else {
        let message = Message { id: asked.idempotency_key, ..Default::default() };
        Told::Sent(SendSingleResponse { message: Some(message), ..Default::default() }.into())
    };
    SendManyResponse { sequence: request.sequence, result: Some(result) }
}

#[tonic::async_trait]
impl MessagingService for Service {
    async fn send_single(&self, request: Request<SendSingleRequest>) -> Answer<SendSingleResponse> {
        let answer = self.next(&request, |script| script.send.pop_front())?;
        self.heard.lock().unwrap().sends.push(request.into_inner());
        answer.map(Response::new)
    }

    type SendManyStream = Events<SendManyResponse>;

    async fn send_many(&self, request: Request<Streaming<SendManyRequest>>) -> Answer<Self::SendManyStream> {
        let mut left = self.next(&request, |script| script.many.pop_front())?;
        let heard = self.heard.clone();
        let stream = heard.lock().unwrap().many.len();
        heard.lock().unwrap().many.push(Vec::new());
        let mut requests = request.into_inner();
        Ok(Response::new(Box::pin(async_stream::try_stream! {
            while let Some(request) = requests.message().await? {
                heard.lock().unwrap().many[stream].push(request.clone());
                if left == 0 {
                    Err(Status::unavailable("going down"))?;
                }
                left -= 1;
                yield told(request);
            }
        })))
    }

    async fn get_message_status(&self, request: Request<GetMessageStatusRequest>) -> Answer<GetMessageStatusResponse> {
        self.known(&request.get_ref().message_id)?;
        self.next(&request, |script| script.status.pop_front()).map(Response::new)
    }

    async fn refresh_status(&self, request: Request<RefreshStatusRequest>) -> Answer<RefreshStatusResponse> {
        self.next(&request, |script| script.refresh.pop_front()).map(Response::new)
    }

    type RefreshStatusBulkStream = Events<RefreshStatusBulkResponse>;

    async fn refresh_status_bulk(
        &self,
        request: Request<RefreshStatusBulkRequest>,
    ) -> Answer<Self::RefreshStatusBulkStream> {
        let steps = self.next(&request, |script| script.bulk.pop_front())?;
        self.heard.lock().unwrap().bulks.push(request.into_inner());
        let events = futures::stream::iter(steps).then(|step| async {
            match step {
                Step::Event(event) => Ok(event),
                Step::Error(status) => Err(status),
                Step::Hang => std::future::pending().await,
            }
        });
        Ok(Response::new(Box::pin(events)))
    }

    async fn get_message(&self, request: Request<GetMessageRequest>) -> Answer<GetMessageResponse> {
        self.known(&request.get_ref().id)?;
        self.next(&request, |script| script.message.pop_front()).map(Response::new)
    }

    async fn list_messages(&self, request: Request<ListMessagesRequest>) -> Answer<ListMessagesResponse> {
        let page = self.next(&request, |script| script.pages.pop_front())?;
        self.heard.lock().unwrap().lists.push(request.into_inner());
        Ok(Response::new(page))
    }

    async fn count_messages(&self, request: Request<CountMessagesRequest>) -> Answer<CountMessagesResponse> {
        let count = self.next(&request, |script| script.counts.pop_front())?;
        self.heard.lock().unwrap().counts.push(request.into_inner());
        Ok(Response::new(count))
    }

    type WatchMessagesStream = Events<WatchMessagesResponse>;

    async fn watch_messages(&self, request: Request<WatchMessagesRequest>) -> Answer<Self::WatchMessagesStream> {
        let events = self.next(&request, |script| script.changes.pop_front())?;
        self.heard.lock().unwrap().watches.push(request.into_inner());
        Ok(Response::new(Box::pin(futures::stream::iter(events))))
    }

    async fn explain_message(&self, request: Request<ExplainMessageRequest>) -> Answer<ExplainMessageResponse> {
        self.next(&request, |script| script.explain.pop_front()).map(Response::new)
    }

    async fn cancel_message(&self, request: Request<CancelMessageRequest>) -> Answer<CancelMessageResponse> {
        let answer = self.next(&request, |script| script.cancel.pop_front())?;
        self.heard.lock().unwrap().cancels.push(request.into_inner());
        Ok(Response::new(answer))
    }

    async fn list_opt_outs(&self, _: Request<ListOptOutsRequest>) -> Answer<ListOptOutsResponse> {
        Err(Status::unimplemented("no command asks for it"))
    }

    async fn add_opt_out(&self, _: Request<AddOptOutRequest>) -> Answer<AddOptOutResponse> {
        Err(Status::unimplemented("no command asks for it"))
    }

    async fn remove_opt_out(&self, _: Request<RemoveOptOutRequest>) -> Answer<RemoveOptOutResponse> {
        Err(Status::unimplemented("no command asks for it"))
    }
}

#[tonic::async_trait]
impl CampaignService for Service {
    async fn create_campaign(&self, request: Request<CreateCampaignRequest>) -> Answer<CreateCampaignResponse> {
        let campaign = self.next(&request, |script| script.campaign.pop_front())?;
        self.heard.lock().unwrap().campaigns.push(request.into_inner());
        Ok(Response::new(CreateCampaignResponse { campaign: Some(campaign) }))
    }

    async fn get_campaign(&self, request: Request<GetCampaignRequest>) -> Answer<GetCampaignResponse> {
        let campaign = self.next(&request, |script| script.campaign.pop_front())?;
        Ok(Response::new(GetCampaignResponse { campaign: Some(campaign) }))
    }

    async fn get_campaign_stats(&self, request: Request<GetCampaignStatsRequest>) -> Answer<GetCampaignStatsResponse> {
        let stats = self.next(&request, |script| script.stats.pop_front())?;
        Ok(Response::new(GetCampaignStatsResponse { stats: Some(stats) }))
    }

    async fn add_recipients(&self, request: Request<Streaming<AddRecipientsRequest>>) -> Answer<AddRecipientsResponse> {
        let answer = self.next(&request, |script| script.added.pop_front())?;
        let mut requests = Vec::new();
        let mut stream = request.into_inner();
        while let Some(request) = stream.message().await? {
            requests.push(request);
        }
        self.heard.lock().unwrap().added.push(requests);
        answer.map(Response::new)
    }

    async fn start_campaign(&self, request: Request<StartCampaignRequest>) -> Answer<StartCampaignResponse> {
        let campaign = self.next(&request, |script| script.campaign.pop_front())?;
        let request = request.into_inner();
        let what = if request.dry_run { "plan" } else { "start" };
        self.heard.lock().unwrap().moves.push((what, request.campaign_id));
        let plan = self.script.lock().unwrap().plan.take().filter(|_| request.dry_run);
        Ok(Response::new(StartCampaignResponse { campaign: Some(campaign), plan }))
    }

    async fn pause_campaign(&self, request: Request<PauseCampaignRequest>) -> Answer<PauseCampaignResponse> {
        let campaign = self.next(&request, |script| script.campaign.pop_front())?;
        self.heard.lock().unwrap().moves.push(("pause", request.into_inner().campaign_id));
        Ok(Response::new(PauseCampaignResponse { campaign: Some(campaign) }))
    }

    async fn resume_campaign(&self, request: Request<ResumeCampaignRequest>) -> Answer<ResumeCampaignResponse> {
        let campaign = self.next(&request, |script| script.campaign.pop_front())?;
        self.heard.lock().unwrap().moves.push(("resume", request.into_inner().campaign_id));
        Ok(Response::new(ResumeCampaignResponse { campaign: Some(campaign) }))
    }

    async fn cancel_campaign(&self, request: Request<CancelCampaignRequest>) -> Answer<CancelCampaignResponse> {
        let campaign = self.next(&request, |script| script.campaign.pop_front())?;
        self.heard.lock().unwrap().moves.push(("cancel", request.into_inner().campaign_id));
        Ok(Response::new(CancelCampaignResponse { campaign: Some(campaign) }))
    }

    async fn list_campaigns(&self, request: Request<ListCampaignsRequest>) -> Answer<ListCampaignsResponse> {
        self.next(&request, |script| script.campaigns.pop_front()).map(Response::new)
    }

    type WatchCampaignStream = Events<WatchCampaignResponse>;

    async fn watch_campaign(&self, request: Request<WatchCampaignRequest>) -> Answer<Self::WatchCampaignStream> {
        let events = self.next(&request, |script| script.watch.pop_front())?;
        Ok(Response::new(Box::pin(futures::stream::iter(events))))
    }
}
