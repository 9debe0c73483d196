/*! Shared command line. */
