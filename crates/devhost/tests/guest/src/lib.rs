//! A component whose routes each do one thing that a host must allow or refuse.
