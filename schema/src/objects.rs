/*! Kubernetes documents. */
