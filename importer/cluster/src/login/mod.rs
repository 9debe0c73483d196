/*! Who somebody is on a cluster: from kubeconfig files, and from the programs that they name. */

mod kubeconfig;
mod plugin;
mod said;
#[cfg(test)]
mod tests;

pub(crate) use kubeconfig::{kubeconfig_error, resolve};
