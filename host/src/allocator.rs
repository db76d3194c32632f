//! The C library's allocator, for many threads that stream.

/// Fewer arenas. glibc makes up to eight for each processor, and each keeps
/// what its threads once used: a server that streams holds several times the
/// memory that is in use. To be called first, while there is one thread.
#[expect(unsafe_code, reason = "mallopt takes two numbers and is called before there are threads")]
pub fn tune() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: no pointers are involved, and no other thread allocates yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}
