//! Status over real sockets.
