/*! The file that crosses the gap. */
