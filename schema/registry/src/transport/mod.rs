/*!
From a request to an answer: connections and whom they trust, redirects, retries, and what the libraries' errors mean.

Nothing here knows what a blob or a tag is.
*/

pub(crate) mod classify;
pub(crate) mod clients;
pub(crate) mod origin;
pub(crate) mod range;
pub(crate) mod refusal;
pub(crate) mod reply;
pub(crate) mod retry;
pub(crate) mod send;
#[cfg(test)]
mod tests;
pub(crate) mod trust;
