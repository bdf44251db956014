//! One place that the sandbox posts to: a URL and the static header that Mitto lets its customers set.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, StatusCode, Url};

use super::config::Error;

/// The longest that one post may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The most pieces of an answer that are read, and thrown away.
const CHUNKS: usize = 16;

/// Posts JSON to URLs, with the header.
#[derive(Clone)]
pub(super) struct Poster {
    client: Client,
    headers: HeaderMap,
}

impl Poster {
    pub(super) fn new(header: Option<&(String, String)>) -> Result<Self, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some((name, value)) = header {
            let name = HeaderName::try_from(name).map_err(|_| Error::Header)?;
            let mut value = HeaderValue::try_from(value).map_err(|_| Error::Header)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let builder = Client::builder().timeout(TIMEOUT).no_proxy().redirect(reqwest::redirect::Policy::none());
        Ok(Self { client: builder.build().map_err(Error::Client)?, headers })
    }

    /// The status of the answer, whatever it is.
    pub(super) async fn post(&self, url: Url, body: Bytes) -> Result<StatusCode, reqwest::Error> {
        let mut answer = self.client.post(url).headers(self.headers.clone()).body(body).send().await?;
        // Read to its end, the connection can be used again; nobody reads a long one.
        for _ in 0..CHUNKS {
            if answer.chunk().await?.is_none() {
                break;
            }
        }
        Ok(answer.status())
    }
}

/// An absolute HTTP URL.
pub(super) fn http_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
