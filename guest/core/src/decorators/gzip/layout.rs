//! The cut of an object's plain bytes into members.

/// The plain bytes of the first member. Smaller objects are one member, as they always
/// were, and need no index: to decode all of it takes about as long as to open an object.
pub const FIRST: u32 = 4 * 1024 * 1024;

/// The plain bytes of each further member. Each begins with an empty window, so smaller
/// ones would make files grow (64 KiB by 6 %, 1 MiB by 0.5 %, of source text); larger ones
/// would make small ranges slower.
pub const OTHER: u32 = 1024 * 1024;

/// Where the members of an object begin and end, in plain bytes. Members are counted
/// from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The plain size of the object.
    pub size: u64,
    /// The plain length of the first member.
    pub first: u32,
    /// The plain length of all others but the last, which may be shorter.
    pub other: u32,
}

impl Layout {
    /// How we cut an object.
    pub fn of(size: u64) -> Self {
        Self { size, first: FIRST, other: OTHER }
    }

    /// The number of members.
    pub fn members(&self) -> u64 {
        match self.size.checked_sub(u64::from(self.first)) {
            Some(rest) => rest.div_ceil(u64::from(self.other.max(1))) + 1,
            None => 1,
        }
    }

    /// The member that holds a plain byte.
    pub fn member_at(&self, position: u64) -> u64 {
        match position.checked_sub(u64::from(self.first)) {
            Some(after) => after / u64::from(self.other.max(1)) + 1,
            None => 0,
        }
    }

    /// The plain byte that a member begins with; the size, for members that there are
    /// not.
    pub fn start(&self, member: u64) -> u64 {
        let start = match member.checked_sub(1) {
            Some(before) => {
                before.saturating_mul(u64::from(self.other)).saturating_add(u64::from(self.first))
            }
            None => 0,
        };
        start.min(self.size)
    }

    /// The plain length of a member.
    pub fn length(&self, member: u64) -> u64 {
        self.start(member.saturating_add(1)) - self.start(member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_cut_at_the_borders() {
        let layout = |size| Layout { size, first: 10, other: 4 };
        for (size, members) in [(0, 1), (1, 1), (10, 1), (11, 2), (14, 2), (15, 3), (18, 3)] {
            assert_eq!(layout(size).members(), members, "{size}");
            let lengths: Vec<_> = (0..members + 1).map(|m| layout(size).length(m)).collect();
            assert_eq!(lengths.iter().sum::<u64>(), size);
            assert_eq!(lengths.last(), Some(&0));
            for at in 0..size {
                let member = layout(size).member_at(at);
                let start = layout(size).start(member);
                assert!((start..start + layout(size).length(member)).contains(&at), "{size} {at}");
            }
        }
    }

    #[test]
    fn huge_numbers_do_no_harm() {
        for (first, other) in [(1, 1), (u32::MAX, u32::MAX), (1, 0)] {
            let layout = Layout { size: u64::MAX, first, other };
            let _ = (layout.members(), layout.length(u64::MAX), layout.member_at(u64::MAX));
            assert!(layout.start(u64::MAX) <= layout.size);
        }
    }
}
