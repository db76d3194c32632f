//! JSON Schema text, written by the compiler: a component carries the text alone.

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub enum Schema {
    /// Keywords as JSON text, such as `"type":"string"`.
    Keywords(&'static str),
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// A list.
    List(&'static Schema),
    /// A mapping of any names to values of one kind.
    Map(&'static Schema),
    /// A value of any of these forms.
    AnyOf(&'static [Schema]),
    /// A mapping with these properties and no others.
    Object {
        /// The properties.
        fields: &'static [Field],
        /// Further keywords.
        keywords: Keywords,
    },
}

/// Keywords of a schema, each with its value as JSON.
pub type Keywords = &'static [(&'static str, &'static str)];

/// A property of an object.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Its type.
    pub schema: Schema,
    /// Whether its own properties stand in the place of it.
    pub flat: bool,
    /// Whether it has to be given.
    pub required: bool,
    /// What holds if it is not given, as JSON.
    pub default: Option<&'static str>,
    /// Further keywords of its schema.
    pub keywords: Keywords,
}

impl Schema {
    /// The number of bytes of the text.
    pub const fn length(&self) -> usize {
        self.text::<0>().length
    }

    /// The text, which has `N` bytes.
    pub const fn text<const N: usize>(&self) -> Text<N> {
        let mut text = Text { bytes: [0; N], length: 0 };
        text.value(self);
        text
    }
}

/// A text of `N` bytes in the making.
pub struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    /// The text; empty if it has not `N` bytes.
    pub const fn as_str(&self) -> &str {
        match core::str::from_utf8(&self.bytes) {
            Ok(text) if self.length == N => text,
            _ => "",
        }
    }

    const fn byte(&mut self, byte: u8) {
        if self.length < N {
            self.bytes[self.length] = byte;
        }
        self.length += 1;
    }

    const fn raw(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while let [byte, after @ ..] = rest {
            self.byte(*byte);
            rest = after;
        }
    }

    /// A JSON string of the text without the space that doc comments begin with.
    const fn string(&mut self, text: &str) {
        self.byte(b'"');
        let mut rest = text.as_bytes().trim_ascii_start();
        while let [byte, after @ ..] = rest {
            if matches!(byte, b'"' | b'\\') {
                self.byte(b'\\');
            }
            self.byte(*byte);
            rest = after;
        }
        self.byte(b'"');
    }

    const fn keyword(&mut self, name: &str, value: &str) {
        self.byte(b',');
        self.string(name);
        self.byte(b':');
        self.raw(value);
    }

    const fn value(&mut self, schema: &Schema) {
        self.byte(b'{');
        self.keywords(schema);
        self.byte(b'}');
    }

    const fn keywords(&mut self, schema: &Schema) {
        match schema {
            Schema::Keywords(text) => self.raw(text),
            Schema::Choice(names) => {
                self.raw(r#""type":"string","enum":["#);
                let mut rest = *names;
                while let [name, after @ ..] = rest {
                    self.string(name);
                    self.separate(after.len());
                    rest = after;
                }
                self.byte(b']');
            }
            Schema::List(each) => {
                self.raw(r#""type":"array","items":"#);
                self.value(each);
            }
            Schema::Map(each) => {
                self.raw(r#""type":"object","additionalProperties":"#);
                self.value(each);
            }
            Schema::AnyOf(forms) => {
                self.raw(r#""anyOf":["#);
                let mut rest = *forms;
                while let [form, after @ ..] = rest {
                    self.value(form);
                    self.separate(after.len());
                    rest = after;
                }
                self.byte(b']');
            }
            Schema::Object { fields, keywords } => {
                self.object(fields);
                self.further(keywords);
            }
        }
    }

    const fn object(&mut self, fields: &[Field]) {
        self.raw(r#""type":"object","properties":{"#);
        self.properties(fields);
        self.byte(b'}');
        let mut rest = fields;
        let mut required = 0;
        while let [field, after @ ..] = rest {
            required += field.required as usize;
            rest = after;
        }
        if required > 0 {
            self.raw(r#","required":["#);
            rest = fields;
            while let [field, after @ ..] = rest {
                if field.required {
                    required -= 1;
                    self.string(field.name);
                    self.separate(required);
                }
                rest = after;
            }
            self.byte(b']');
        }
        self.raw(r#","additionalProperties":false"#);
    }

    const fn properties(&mut self, fields: &[Field]) {
        let mut rest = fields;
        while let [field, after @ ..] = rest {
            match field {
                Field { flat: true, schema: Schema::Object { fields, .. }, .. } => {
                    self.properties(fields);
                }
                _ => {
                    self.string(field.name);
                    self.raw(":{");
                    self.keywords(&field.schema);
                    self.field(field);
                    self.byte(b'}');
                }
            }
            self.separate(after.len());
            rest = after;
        }
    }

    const fn further(&mut self, keywords: Keywords) {
        let mut rest = keywords;
        while let [(name, value), after @ ..] = rest {
            self.keyword(name, value);
            rest = after;
        }
    }

    const fn field(&mut self, field: &Field) {
        self.further(field.keywords);
        if !field.description.is_empty() {
            self.keyword("description", "");
            self.string(field.description);
        }
        if let Some(default) = field.default {
            self.keyword("default", default);
        }
    }

    const fn separate(&mut self, left: usize) {
        if left > 0 {
            self.byte(b',');
        }
    }
}
