/*! later */
