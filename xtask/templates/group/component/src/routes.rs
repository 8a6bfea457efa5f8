//! Endpoints of __names__: each extracts the request, calls the use case and converts the result.

mod create;
mod list;

use web::response::cursor::CursorKey;

use crate::store::__Names__;

/// Shared state of the endpoints.
pub struct __Names__State {
    pub __names__: __Names__,
    pub cursors: CursorKey,
}

web::routes! {
    __Names__State:
    List__Names__ => list::list___names__,
    Create__Name__ => create::create___name__,
}

#[cfg(test)]
mod tests;
