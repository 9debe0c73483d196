/*! Blobs and manifests from servers that cut, lie and never end. */

mod cuts;
mod exists;
