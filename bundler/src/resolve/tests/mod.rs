/*! Images of a mirror directory, resolved with what is about them. */

mod referrers;
