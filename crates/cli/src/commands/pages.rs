//! Reads one page of a list, or merges it with all following pages.

use crate::arguments::Page;
use crate::failure::Failure;

/// Page of a list, with a cursor for the next page.
pub trait Paged {
    /// Returns the cursor of the next page, or `None` on the last page.
    fn next(&self) -> Option<&str>;
    /// Appends the next page.
    fn append(&mut self, page: Self);
}

/// Reads the first page and, with `--all`, all following pages.
pub async fn read<L: Paged>(
    page: &Page,
    read: impl AsyncFn(Option<String>) -> Result<L, Failure>,
) -> Result<L, Failure> {
    let mut list = read(page.cursor.clone()).await?;
    while page.all
        && let Some(next) = list.next()
    {
        let next = read(Some(next.to_owned())).await?;
        list.append(next);
    }
    Ok(list)
}

/// Implements `Paged` for a list type; all of them have the same members.
macro_rules! paged {
    ($list:ty) => {
        impl $crate::commands::pages::Paged for $list {
            fn next(&self) -> Option<&str> {
                self.next.as_deref()
            }

            fn append(&mut self, page: Self) {
                self.items.extend(page.items);
                self.next = page.next;
            }
        }
    };
}

/// Sets the common options and the given ones on the builder of a list.
macro_rules! request {
    ($builder:expr, $page:expr, $cursor:expr; $($option:ident = $value:expr),*) => {{
        let mut builder = $builder;
        let page = $page;
        if page.include_total {
            builder = builder.include_total(true);
        }
        $crate::commands::pages::set!(builder; cursor = $cursor, limit = page.limit,
            sort = page.sort.clone(), $($option = $value),*);
        builder
    }};
}

/// Sets the options that are `Some`; a builder's methods do not take `None`.
macro_rules! set {
    ($builder:ident; $($option:ident = $value:expr),* $(,)?) => {
        $(if let Some(value) = $value {
            $builder = $builder.$option(value);
        })*
    };
}

pub(super) use {paged, request, set};
