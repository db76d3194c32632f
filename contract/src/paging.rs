//! Iterates over the pages of a listing, and detects one that never ends.

use crate::types::{Error, ListOptions, Page, Result};

/// The most empty pages that a store may return in a row. A page may be empty
/// because others deleted its objects, or because the store scans what it does not
/// show. A store that never shows anything would block its callers forever.
pub const MAX_EMPTY_PAGES: u32 = 1_000;

/// Moves from page to page, and fails if the listing does not advance. Every loop
/// over pages uses one.
#[derive(Debug, Default)]
pub struct Paging {
    pages: u64,
    empty: u32,
    /// A token that must not come back. It is replaced at each power of two, which
    /// detects a cycle of any length without storing every token.
    mark: Option<String>,
}

impl Paging {
    /// Prepares `options`, which returned `page`, for the next page. `false` if
    /// `page` was the last.
    pub fn advance(&mut self, page: &Page, options: &mut ListOptions) -> Result<bool> {
        self.empty = if page.is_empty() { self.empty + 1 } else { 0 };
        // Skipped entries are rare: a store may scan all its objects for one.
        let most = if options.skipped { 100 * MAX_EMPTY_PAGES } else { MAX_EMPTY_PAGES };
        if self.empty > most && page.next.is_some() {
            return Err(stuck(&format!("more than {most} empty pages in a row")));
        }
        self.advance_through(page, options)
    }

    /// Like [`advance`](Self::advance), without a limit on empty pages: for pages
    /// that the caller's filter may have emptied.
    pub fn advance_through(&mut self, page: &Page, options: &mut ListOptions) -> Result<bool> {
        let Some(next) = &page.next else { return Ok(false) };
        if options.start_after.as_ref() == Some(next) || self.mark.as_ref() == Some(next) {
            return Err(stuck("a page leads back to one before it"));
        }
        self.pages += 1;
        if self.pages.is_power_of_two() {
            self.mark = Some(next.clone());
        }
        options.start_after = Some(next.clone());
        Ok(true)
    }
}

fn stuck(why: &str) -> Error {
    Error::Other(format!("the store breaks the contract: its listing does not get on, {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Entry;

    /// Follows a listing whose pages `page` returns.
    fn follow(page: impl Fn(u32) -> Page) -> Result<u32> {
        let (mut paging, mut options) = (Paging::default(), ListOptions::default());
        for number in 0.. {
            if !paging.advance(&page(number), &mut options)? {
                return Ok(number);
            }
        }
        unreachable!()
    }

    fn page(entries: usize, next: Option<u32>) -> Page {
        let mut page = Page { next: next.map(|next| next.to_string()), ..Page::default() };
        page.entries = vec![Entry::default(); entries];
        page
    }

    #[test]
    fn a_listing_of_empty_pages_ends_with_an_error() {
        let error = follow(|number| page(0, Some(number))).unwrap_err();
        assert!(error.to_string().contains("more than 1000 empty pages"), "{error}");
    }

    #[test]
    fn a_listing_that_goes_round_in_a_circle_ends_with_an_error() {
        for length in [1, 2, 3, 7, 1_000] {
            let error = follow(|number| page(1, Some(number % length))).unwrap_err();
            assert!(error.to_string().contains("leads back"), "{error}");
        }
    }

    #[test]
    fn a_long_listing_with_gaps_comes_to_its_end() {
        let pages = |number: u32| page(usize::from(number.is_multiple_of(1_000)), Some(number + 1));
        let last = 1_000_000;
        let all = |number| if number < last { pages(number) } else { page(0, None) };
        assert_eq!(follow(all), Ok(last));
    }
}
