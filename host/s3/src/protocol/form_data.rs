//! Forms of browsers: `multipart/form-data` (RFC 7578), whose last field is a file.

use super::error::{Code, Error, Result, error};
use super::request::Arriving;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::unfold;
use memchr::memmem::Finder;

/// The most bytes of all fields but the file, with what frames them. S3 takes 20 KB.
const MAX_FIELDS: usize = 64 * 1024;

/// The most white space after a boundary, which proxies may add.
const MAX_PADDING: usize = 64;

/// The fields of a form.
#[derive(Debug, Default)]
pub struct FormData {
    /// Names, in lower case, with their values.
    fields: Vec<(String, String)>,
    /// The name of the file, without its folder.
    pub file_name: String,
}

impl FormData {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// All fields.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The boundary in the `Content-Type` of a form.
pub fn boundary(content_type: &str) -> Result<String> {
    let mut parts = split_parameters(content_type).into_iter();
    let kind = parts.next().unwrap_or_default();
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(error!(MalformedPOSTRequest, "a form has the type multipart/form-data"));
    }
    let found = parameter(parts, "boundary")?;
    let is_fine = |boundary: &String| (1..=70).contains(&boundary.len()) && boundary.is_ascii();
    found.filter(is_fine).ok_or_else(|| malformed("its type has no boundary"))
}

/// Reads the fields of a form up to its file, and returns the bytes of the file as they
/// arrive. What follows the file is ignored, as in S3.
pub async fn read(arriving: Arriving, boundary: &str) -> Result<(FormData, Arriving)> {
    let mut reader = Reader {
        arriving: Some(arriving),
        buffer: BytesMut::from("\r\n"),
        boundary: Finder::new(format!("\r\n--{boundary}").as_bytes()).into_owned(),
        fields: 0,
        from: 0,
    };
    let mut form = FormData::default();
    let before = reader.value().await?;
    if !before.is_empty() && before != "\r\n" {
        return Err(malformed("it does not begin with its boundary"));
    }
    loop {
        let head = reader.head().await?;
        let disposition = disposition(&head)?;
        if disposition.name == "file" {
            let name = disposition.file_name.unwrap_or_default();
            // Some clients send a path.
            form.file_name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
            return Ok((form, reader.file()));
        }
        let value = reader.value().await?;
        let value = String::from_utf8(value.to_vec())
            .map_err(|_| error!(InvalidArgument, "the field {} is not UTF-8", disposition.name))?;
        // A policy could check one of two, and the upload use the other.
        if form.field(&disposition.name).is_some() {
            return Err(error!(InvalidArgument, "the field {} is there twice", disposition.name));
        }
        form.fields.push((disposition.name, value));
    }
}

/// What the head of a field tells.
struct Disposition {
    name: String,
    file_name: Option<String>,
}

fn disposition(head: &str) -> Result<Disposition> {
    let mut found = None;
    for line in head.split("\r\n").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("a line has no colon"))?;
        if name.trim().eq_ignore_ascii_case("content-disposition") && found.replace(value).is_some()
        {
            return Err(malformed("a field has two dispositions"));
        }
    }
    let value = found.ok_or_else(|| malformed("a field has no disposition"))?;
    let mut parts = split_parameters(value).into_iter();
    if !parts.next().unwrap_or_default().trim().eq_ignore_ascii_case("form-data") {
        return Err(malformed("a field is not form-data"));
    }
    let parts: Vec<String> = parts.collect();
    let name = parameter(parts.iter().cloned(), "name")?;
    let name = name.ok_or_else(|| malformed("a field has no name"))?.to_ascii_lowercase();
    Ok(Disposition { name, file_name: parameter(parts.into_iter(), "filename")? })
}

/// Splits at the semicolons that are not in quotes.
fn split_parameters(text: &str) -> Vec<String> {
    let (mut parts, mut part, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for c in text.chars() {
        match c {
            ';' if !quoted => parts.push(std::mem::take(&mut part)),
            c => {
                quoted ^= c == '"' && !escaped;
                part.push(c);
            }
        }
        escaped = c == '\\' && quoted && !escaped;
    }
    parts.push(part);
    parts
}

/// The value of a parameter, of which there may be one.
fn parameter(parts: impl Iterator<Item = String>, wanted: &str) -> Result<Option<String>> {
    let mut found = None;
    for part in parts {
        let Some((name, value)) = part.split_once('=') else { continue };
        if name.trim().eq_ignore_ascii_case(wanted) && found.replace(unquoted(value)).is_some() {
            return Err(malformed("a parameter is there twice"));
        }
    }
    Ok(found)
}

/// Only quotes are escaped: old browsers send backslashes of paths as they are.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    inner.map_or_else(|| value.to_owned(), |inner| inner.replace("\\\"", "\""))
}

fn malformed(why: &str) -> Error {
    error!(MalformedPOSTRequest, "the form can't be read: {why}")
}

struct Reader {
    arriving: Option<Arriving>,
    buffer: BytesMut,
    /// The boundary with the line end before it.
    boundary: Finder<'static>,
    /// The bytes of fields so far.
    fields: usize,
    /// Where to look on for the next boundary: what is before was looked at, however small
    /// the pieces in which it arrives.
    from: usize,
}

/// Where the bytes of a field end.
enum End {
    /// Here; the boundary and its line follow, up to the second offset.
    Here(usize, usize),
    /// Here; the last boundary follows.
    Last(usize),
    /// Not before here, and what follows may be the boundary.
    NotBefore(usize),
}

impl Reader {
    /// Takes more bytes in; false at the end.
    async fn more(&mut self) -> Result<bool> {
        let Some(arriving) = &mut self.arriving else { return Ok(false) };
        match arriving.next().await.transpose()? {
            Some(chunk) => self.buffer.extend_from_slice(&chunk),
            None => self.arriving = None,
        }
        Ok(self.arriving.is_some())
    }

    fn check(&self, fields: usize) -> Result<()> {
        match fields > MAX_FIELDS {
            true => Err(error!(
                MaxMessageLengthExceeded,
                "the fields of a form before its file have at most {MAX_FIELDS} bytes"
            )),
            false => Ok(()),
        }
    }

    async fn more_of_fields(&mut self) -> Result<()> {
        self.check(self.fields + self.buffer.len())?;
        match self.more().await? {
            true => Ok(()),
            false => Err(malformed("it ends before its file")),
        }
    }

    /// Looks for the next boundary.
    fn end(&mut self) -> End {
        let length = self.boundary.needle().len();
        let mut from = self.from;
        while let Some(at) = self.boundary.find(self.buffer.get(from..).unwrap_or_default()) {
            let at = from + at;
            let rest = self.buffer.get(at + length..).unwrap_or_default();
            let padding = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            let line = rest.get(padding..).unwrap_or_default();
            if rest.starts_with(b"--") {
                self.from = 0;
                return End::Last(at);
            }
            if line.starts_with(b"\r\n") {
                self.from = 0;
                return End::Here(at, at + length + padding + 2);
            }
            // More has to arrive to tell.
            let is_open = line.is_empty() || line == b"\r" || rest == b"-";
            if is_open && padding <= MAX_PADDING {
                self.from = at;
                return End::NotBefore(at);
            }
            from = at + 2;
        }
        self.from = self.buffer.len().saturating_sub(length - 1).max(from);
        End::NotBefore(self.from)
    }

    /// The bytes up to the next boundary, which must not be the last.
    async fn value(&mut self) -> Result<Bytes> {
        loop {
            match self.end() {
                End::Here(at, after) => {
                    let value = self.buffer.split_to(after).split_to(at).freeze();
                    self.fields += after;
                    self.check(self.fields)?;
                    return Ok(value);
                }
                End::Last(_) => return Err(malformed("it has no file")),
                End::NotBefore(_) => self.more_of_fields().await?,
            }
        }
    }

    /// The head of a field.
    async fn head(&mut self) -> Result<String> {
        const END: &[u8] = b"\r\n\r\n";
        let mut from = 0;
        loop {
            let rest = self.buffer.get(from..).unwrap_or_default();
            let Some(end) = memchr::memmem::find(rest, END).map(|end| from + end) else {
                from = self.buffer.len().saturating_sub(END.len() - 1);
                self.more_of_fields().await?;
                continue;
            };
            let head = self.buffer.split_to(end + END.len());
            self.fields += head.len();
            self.check(self.fields)?;
            let head = std::str::from_utf8(&head).map(str::to_owned);
            return head.map_err(|_| malformed("the head of a field is not UTF-8"));
        }
    }

    /// The rest as the bytes of the file.
    fn file(mut self) -> Arriving {
        // An empty file is followed by the boundary at once.
        let mut whole = BytesMut::from("\r\n");
        whole.extend_from_slice(&self.buffer);
        self.buffer = whole;
        self.from = 0;
        let start = Some((self, true));
        unfold(start, |state| async move {
            let (mut reader, first) = state?;
            match reader.bytes_of_file(first).await {
                Ok(Some(bytes)) => Some((Ok(bytes), Some((reader, false)))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    async fn bytes_of_file(&mut self, first: bool) -> Result<Option<Bytes>> {
        // The line end before the file is not part of it.
        let skip = if first { 2 } else { 0 };
        loop {
            match self.end() {
                End::Here(at, _) | End::Last(at) => {
                    let bytes =
                        self.buffer.split_to(at.max(skip)).split_off(skip.min(at.max(skip)));
                    self.arriving = None;
                    // What follows is not read, and never looked at.
                    self.buffer = BytesMut::from(self.boundary.needle());
                    self.buffer.extend_from_slice(b"--");
                    return Ok(Some(bytes.freeze()).filter(|bytes| !bytes.is_empty()));
                }
                End::NotBefore(at) if at > skip => {
                    self.from = 0;
                    let mut bytes = self.buffer.split_to(at);
                    let bytes = bytes.split_off(skip);
                    return Ok(Some(bytes.freeze()));
                }
                End::NotBefore(_) => {
                    if !self.more().await? {
                        return Err(Error::from(Code::IncompleteBody));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    fn arriving(text: &str, pieces: usize) -> Arriving {
        let pieces: Vec<_> =
            text.as_bytes().chunks(pieces).map(|p| Ok(Bytes::copy_from_slice(p))).collect();
        stream::iter(pieces).boxed()
    }

    /// The fields, the file's name and its bytes.
    async fn parsed(text: &str, pieces: usize) -> Result<(Vec<(String, String)>, String, String)> {
        let (form, mut file) = read(arriving(text, pieces), "x").await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = file.next().await.transpose()? {
            assert!(!chunk.is_empty());
            bytes.extend(chunk);
        }
        Ok((form.fields, form.file_name, String::from_utf8(bytes).unwrap()))
    }

    fn field(name: &str, value: &str) -> String {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    }

    fn file(name: &str, bytes: &str) -> String {
        format!(
            "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: text/plain\r\n\r\n{bytes}\r\n--x--\r\n"
        )
    }

    #[tokio::test]
    async fn a_form_is_its_fields_and_then_its_file() {
        let odd = "a\r\n--xy\r\n-x--\r\n--x-\r\n--x\u{1}b\r";
        let long = "\r\n--".repeat(50_000);
        for (value, name, wanted, bytes) in [
            ("v", "f.txt", "f.txt", "hello"),
            ("", "C:\\a\\b/c.txt", "c.txt", ""),
            ("two\r\nlines", "a\\\"b;c", "a\"b;c", odd),
            (odd, "é", "é", &long),
        ] {
            for pieces in [1, 7, 1_000, 10_000_000] {
                if pieces == 1 && bytes.len() > 1_000 {
                    continue;
                }
                let text = field("Key", value) + &file(name, bytes);
                let (fields, file_name, found) = parsed(&text, pieces).await.unwrap();
                assert_eq!(fields, [("key".to_owned(), value.to_owned())]);
                assert_eq!(file_name, wanted);
                assert!(found == bytes, "{pieces}");
            }
        }
    }

    #[tokio::test]
    async fn what_follows_the_file_is_not_part_of_it() {
        let hidden = file("f", "hello").replace("--x--\r\n", "") + &field("key", "other");
        for pieces in [1, 1_000] {
            let (fields, _, bytes) = parsed(&hidden, pieces).await.unwrap();
            assert_eq!((fields.len(), bytes.as_str()), (0, "hello"));
        }
    }

    #[tokio::test]
    async fn what_is_no_form_or_could_be_read_in_two_ways_is_refused() {
        let good = field("key", "k") + &file("f", "hello");
        for wrong in [
            String::new(),
            "--x".to_owned(),
            "hello".to_owned(),
            format!("before\r\n{good}"),
            format!("--xy\r\n{good}"),
            good.replace("--x--\r\n", ""),
            good.replace("form-data; name=\"key\"", "form-data; name=\"key\"; name=\"other\""),
            good.replace("form-data; name=\"key\"", "attachment; name=\"key\""),
            good.replace("name=\"key\"", "other=\"key\""),
            good.replacen("\r\n\r\n", "\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n", 1),
            field("key", "k") + &field("KEY", "l") + &file("f", "hello"),
            field("key", "k") + "--x--\r\n",
            field("key", &"v".repeat(MAX_FIELDS)) + &file("f", "hello"),
        ] {
            for pieces in [3, 10_000_000] {
                let shown = &wrong[..wrong.len().min(200)];
                assert!(parsed(&wrong, pieces).await.is_err(), "{shown:?}");
            }
        }
    }

    #[test]
    fn the_boundary_is_one() {
        let found = |text: &str| boundary(text).ok();
        assert_eq!(found("multipart/form-data; boundary=x").as_deref(), Some("x"));
        assert_eq!(found("Multipart/Form-Data; Boundary=\"a b;c\"").as_deref(), Some("a b;c"));
        for wrong in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=a; boundary=b",
            "multipart/mixed; boundary=a",
            "text/plain",
        ] {
            assert_eq!(found(wrong), None, "{wrong}");
        }
    }
}
