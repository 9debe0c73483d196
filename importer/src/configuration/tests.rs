/*! Rendering. */
