/*! Where requests go, and with what. */

mod origin;
