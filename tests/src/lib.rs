//! SpineNav.
