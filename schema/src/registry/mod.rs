/*! The OCI distribution client. */
