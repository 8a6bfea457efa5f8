//! A page of a list, or all pages from there on as one.

use crate::arguments::Page;
use crate::failure::Failure;

/// Something that `next` leads on from.
pub trait Paged {
    /// The cursor of the next page.
    fn next(&self) -> Option<&str>;
    /// Takes in the page behind this one.
    fn append(&mut self, page: Self);
}

/// Reads the first page, and when `--all` says so those behind it.
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

/// Both kinds of list have the same members.
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

/// Sets on the builder of a list what all lists can be asked.
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

/// Sets what is given; a builder's methods do not take `None`.
macro_rules! set {
    ($builder:ident; $($option:ident = $value:expr),* $(,)?) => {
        $(if let Some(value) = $value {
            $builder = $builder.$option(value);
        })*
    };
}

pub(super) use {paged, request, set};
