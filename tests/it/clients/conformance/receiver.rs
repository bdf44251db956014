//! A webhook endpoint, and the posts that come to it.

use std::error::Error as StdError;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use messaging::proto::webhook_service_client::WebhookServiceClient;
use messaging::proto::{CreateEndpointRequest, DeleteEndpointRequest, RotateSecretRequest, SendTestEventRequest};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::messaging_client::{Client, Shown};

/// A post's bytes as they came, and its headers.
type Post = (Bytes, HeaderMap);

/// See the module.
pub struct Receiver {
    pub secret: String,
    id: String,
    hooks: WebhookServiceClient<Shown>,
    posts: mpsc::UnboundedReceiver<Post>,
    _serving: AbortOnDropHandle<()>,
}

impl Receiver {
    pub async fn start(client: &Client, request: CreateEndpointRequest) -> Result<Self, Box<dyn StdError>> {
        let (sender, posts) = mpsc::unbounded_channel();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let take = async move |headers: HeaderMap, body: Bytes| {
            let _ = sender.send((body, headers));
            StatusCode::NO_CONTENT
        };
        let serving = tokio::spawn(async move {
            axum::serve(listener, Router::new().route("/", post(take))).await.unwrap();
        });
        let mut hooks = WebhookServiceClient::new(client.0.clone());
        let made = hooks.create_endpoint(CreateEndpointRequest { url, ..request }).await?.into_inner();
        let id = made.endpoint.unwrap().id;
        Ok(Self { secret: made.secret, id, hooks, posts, _serving: AbortOnDropHandle::new(serving) })
    }

    /// The next post.
    pub async fn post(&mut self) -> Result<Post, Box<dyn StdError>> {
        self.posts.recv().await.ok_or_else(|| "the receiver ended".into())
    }

    /// The post of a test event.
    pub async fn test(&mut self) -> Result<Post, Box<dyn StdError>> {
        self.hooks.send_test_event(SendTestEventRequest { id: self.id.clone(), ..Default::default() }).await?;
        self.post().await
    }

    /// Gives the endpoint another secret, and returns it.
    pub async fn rotate(&mut self) -> Result<String, Box<dyn StdError>> {
        let request = RotateSecretRequest { id: self.id.clone(), at_once: false, ..Default::default() };
        Ok(self.hooks.rotate_secret(request).await?.into_inner().secret)
    }

    /// Takes the endpoint away.
    pub async fn end(mut self) -> Result<(), Box<dyn StdError>> {
        self.hooks.delete_endpoint(DeleteEndpointRequest { id: self.id, ..Default::default() }).await?;
        Ok(())
    }
}
