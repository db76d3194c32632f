//! Cases for `list`.

use super::expect::expect;
use crate::subject::Subject;
use crate::values::place;
use anyhow::{Result, ensure};
use storage_contract::types::{Entry, Error, ListOptions, PAGE_LIMIT};

super::case::cases! {
    [list] test_list_of_nothing test_list_gives_every_key_once test_list_prefix_is_bytewise
        test_list_prefix_that_nothing_has test_list_in_pages_gives_every_key_once
        test_list_limit_of_zero_and_too_many_still_work test_list_of_what_is_left_out
        test_list_sizes_are_true;
    [list; delete] test_list_forgets_what_was_deleted
        test_list_in_pages_while_others_write_keeps_what_stays;
    [list, read] test_list_etags_are_those_of_stat;
    [list, ordered] test_list_is_in_the_order_of_bytes test_list_start_after_any_string
        test_list_start_after_with_a_prefix;
}

fn all(s: &Subject, prefix: &str, limit: Option<u32>) -> Result<Vec<Entry>> {
    let mut options = ListOptions { prefix: s.key(prefix), limit, ..Default::default() };
    let mut entries = Vec::new();
    for _ in 0..10_000 {
        let page = s.store.list(&options)?;
        let most = limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT) as usize;
        ensure!(page.entries.len() <= most, "a page of {} entries", page.entries.len());
        entries.extend(page.entries);
        match page.next {
            Some(next) => options.start_after = Some(next),
            None => return Ok(entries),
        }
    }
    anyhow::bail!("the listing does not end")
}

fn keys(entries: &[Entry]) -> Vec<String> {
    let mut keys: Vec<String> = entries.iter().map(|e| e.key.clone()).collect();
    keys.sort();
    keys
}

fn fill(s: &Subject, names: &[&str]) -> Result<Vec<String>> {
    let mut keys = Vec::new();
    for (seed, name) in (0..).zip(names) {
        keys.push(s.key(name));
        place(s, &s.key(name), seed)?;
    }
    keys.sort();
    Ok(keys)
}

const NAMES: &[&str] = &[
    "a", "b", "c/1", "c/2", "c/2x", "cc", "d/e/f", "d/e0", "é/1", "é0", "z", "😀", "\u{e000}", "A",
    "c-1", "c.1", "c0", "%", "%41", "_", "~",
];

fn test_list_of_nothing(s: &Subject) -> Result<()> {
    ensure!(all(s, "", None)?.is_empty(), "an empty store lists something");
    Ok(())
}

fn test_list_gives_every_key_once(s: &Subject) -> Result<()> {
    let wanted = fill(s, NAMES)?;
    let listed = keys(&all(s, "", None)?);
    ensure!(listed == wanted, "listed {listed:?}, wanted {wanted:?}");
    Ok(())
}

fn test_list_prefix_is_bytewise(s: &Subject) -> Result<()> {
    fill(s, NAMES)?;
    for prefix in ["c", "c/", "c/2", "d/e", "d/e/", "é", "a", "%", "c0", "😀"] {
        let mut wanted: Vec<String> =
            NAMES.iter().filter(|n| n.starts_with(prefix)).map(|n| s.key(n)).collect();
        wanted.sort();
        let listed = keys(&all(s, prefix, None)?);
        ensure!(listed == wanted, "under {prefix:?}: {listed:?}, wanted {wanted:?}");
    }
    Ok(())
}

fn test_list_prefix_that_nothing_has(s: &Subject) -> Result<()> {
    fill(s, NAMES)?;
    for prefix in ["nothing", "c/3", "aa", "../", "c//"] {
        let listed = keys(&all(s, prefix, None)?);
        ensure!(listed.is_empty(), "under {prefix:?}: {listed:?}");
    }
    Ok(())
}

fn test_list_in_pages_gives_every_key_once(s: &Subject) -> Result<()> {
    let wanted = fill(s, NAMES)?;
    for limit in [1, 2, 3, 7, 20, 21, 22, 1_000] {
        let listed = keys(&all(s, "", Some(limit))?);
        ensure!(listed == wanted, "in pages of {limit}: {listed:?}, wanted {wanted:?}");
    }
    let listed = keys(&all(s, "c", Some(2))?);
    ensure!(listed.len() == 7, "under a prefix in pages: {listed:?}");
    Ok(())
}

fn test_list_limit_of_zero_and_too_many_still_work(s: &Subject) -> Result<()> {
    let wanted = fill(s, &["a", "b", "c"])?;
    for limit in [0, PAGE_LIMIT + 1, u32::MAX] {
        let listed = keys(&all(s, "", Some(limit))?);
        ensure!(listed == wanted, "with limit {limit}: {listed:?}");
    }
    Ok(())
}

fn test_list_forgets_what_was_deleted(s: &Subject) -> Result<()> {
    fill(s, &["a", "b/c", "b/d"])?;
    s.beside.delete(&s.key("b/c"), &Default::default())?;
    let listed = keys(&all(s, "", None)?);
    ensure!(listed == [s.key("a"), s.key("b/d")], "{listed:?}");
    Ok(())
}

fn test_list_in_pages_while_others_write_keeps_what_stays(s: &Subject) -> Result<()> {
    let names: Vec<String> = (0..30).map(|i| format!("n{i:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    fill(s, &names)?;
    let mut options = ListOptions { prefix: s.key("n"), limit: Some(4), ..Default::default() };
    let mut seen = Vec::new();
    let mut round = 0;
    loop {
        let page = s.store.list(&options)?;
        seen.extend(page.entries.into_iter().map(|e| e.key));
        // Even numbers stay, odd ones are deleted, and new keys appear in between.
        if round < 15 {
            let odd = s.key(&format!("n{:02}", 29 - 2 * round));
            s.beside.delete(&odd, &Default::default())?;
            place(s, &s.key(&format!("n{:02}x", 2 * round)), 1)?;
        }
        round += 1;
        ensure!(round < 1_000, "the listing does not end");
        match page.next {
            Some(next) => options.start_after = Some(next),
            None => break,
        }
    }
    for name in names.iter().step_by(2) {
        let times = seen.iter().filter(|k| **k == s.key(name)).count();
        ensure!(times == 1, "{name:?} was listed {times} times");
    }
    let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
    ensure!(distinct.len() == seen.len(), "something was listed twice: {seen:?}");
    Ok(())
}

fn test_list_of_what_is_left_out(s: &Subject) -> Result<()> {
    fill(s, NAMES)?;
    for limit in [None, Some(1), Some(2)] {
        let mut options =
            ListOptions { prefix: s.key(""), limit, skipped: true, ..Default::default() };
        let mut pages = 0;
        loop {
            let page = s.store.list(&options)?;
            ensure!(page.entries.is_empty(), "objects are said to be none: {:?}", page.entries);
            ensure!(page.skipped.is_empty(), "something is left out: {:?}", page.skipped);
            pages += 1;
            ensure!(pages < 1_000, "the listing does not end");
            match page.next {
                Some(next) => options.start_after = Some(next),
                None => break,
            }
        }
    }
    Ok(())
}

fn test_list_sizes_are_true(s: &Subject) -> Result<()> {
    let mut wanted = std::collections::BTreeMap::new();
    for (seed, name) in (0..).zip(["a", "b", "c"]) {
        wanted.insert(s.key(name), place(s, &s.key(name), seed)?.len() as u64);
    }
    for entry in all(s, "", None)? {
        let size = entry.info.size;
        ensure!(
            size.is_none_or(|size| wanted.get(&entry.key) == Some(&size)),
            "{:?} is listed with size {size:?}, it has {:?}",
            entry.key,
            wanted.get(&entry.key)
        );
    }
    Ok(())
}

fn test_list_etags_are_those_of_stat(s: &Subject) -> Result<()> {
    fill(s, NAMES)?;
    for entry in all(s, "", None)? {
        let stat = s.store.stat(&entry.key)?;
        ensure!(
            entry.info.etag == stat.etag && entry.info.size == stat.size,
            "{:?}: list gives {:?}, stat {stat:?}",
            entry.key,
            entry.info
        );
    }
    Ok(())
}

fn test_list_is_in_the_order_of_bytes(s: &Subject) -> Result<()> {
    let wanted = fill(s, NAMES)?;
    for limit in [None, Some(1), Some(5)] {
        let listed: Vec<String> = all(s, "", limit)?.into_iter().map(|e| e.key).collect();
        ensure!(listed == wanted, "{listed:?}, wanted {wanted:?}");
    }
    Ok(())
}

fn test_list_start_after_any_string(s: &Subject) -> Result<()> {
    let wanted = fill(s, NAMES)?;
    for after in ["", "a", "a0", "c/2", "c/20", "d", "zz", "\u{10ffff}", "A", " "] {
        let after = s.key(after);
        let options = ListOptions { start_after: Some(after.clone()), ..Default::default() };
        let listed: Vec<String> =
            s.store.list(&options)?.entries.into_iter().map(|e| e.key).collect();
        let rest: Vec<String> = wanted.iter().filter(|k| **k > after).cloned().collect();
        ensure!(listed == rest, "after {after:?}: {listed:?}, wanted {rest:?}");
    }
    Ok(())
}

fn test_list_start_after_with_a_prefix(s: &Subject) -> Result<()> {
    fill(s, NAMES)?;
    for (after, wanted) in [("a", 3), ("c/1", 2), ("c/2x", 0), ("z", 0)] {
        let options = ListOptions {
            prefix: s.key("c/"),
            start_after: Some(s.key(after)),
            ..Default::default()
        };
        let listed = s.store.list(&options)?.entries.len();
        ensure!(listed == wanted, "{listed} after {after:?}, wanted {wanted}");
    }
    expect(s.beside.stat(&s.key("c/")), &Error::NotFound, "stat of a mere prefix").or_else(
        // A store on a filesystem can't have such a key.
        |wrong| if s.dialect.refuses("c/") { Ok(()) } else { Err(wrong) },
    )
}
