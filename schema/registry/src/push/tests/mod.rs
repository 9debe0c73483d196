/*! Blobs to servers that cut, refuse and miscount, and from sources that fail. */

mod forms;
mod resume;
