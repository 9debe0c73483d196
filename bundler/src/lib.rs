/*! The connected side: gathers images and manifests into one signed bundle. */

pub mod config;
pub mod spec;
