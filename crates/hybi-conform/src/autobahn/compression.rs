//! Categories 12 and 13: permessage-deflate (RFC 7692).
//!
//! The payloads are not those of the original, which belong to others. A generator makes texts and
//! bytes of the same kinds.

use std::sync::{Arc, OnceLock};

use crate::case::{Case, Size};
use crate::random::Random;
use crate::script::{Compression, End, Rounds, Script, Step};

/// The message length in characters and the longest fragment (0: any), by the last number of the
/// case.
const SIZES: [(usize, usize); 18] = [
    (16, 0),
    (64, 0),
    (256, 0),
    (1024, 0),
    (4096, 0),
    (8192, 0),
    (16_384, 0),
    (32_768, 0),
    (65_536, 0),
    (131_072, 0),
    (8192, 256),
    (16_384, 256),
    (32_768, 256),
    (65_536, 256),
    (131_072, 256),
    (131_072, 1024),
    (131_072, 4096),
    (131_072, 32_768),
];

/// How many characters are made. Then they repeat. The files of the original have 194,056 to
/// 1,042,328 bytes. No message divides this, so the messages differ.
const DATA_LEN: usize = 262_147;

const OFFER: &str = "permessage-deflate; client_no_context_takeover; client_max_window_bits";

const DEFAULT: Compression = Compression { offer: OFFER, answer: "permessage-deflate" };

/// The offer to a server and the answer to a client, by the second number of the cases 13.*.
const PARAMETERS: [Compression; 7] = [
    DEFAULT,
    Compression {
        offer: "permessage-deflate; client_no_context_takeover; client_max_window_bits; \
            server_no_context_takeover",
        answer: "permessage-deflate; client_no_context_takeover",
    },
    Compression {
        offer: "permessage-deflate; client_no_context_takeover; client_max_window_bits; \
            server_max_window_bits=9",
        answer: "permessage-deflate; client_max_window_bits=9",
    },
    Compression {
        offer: "permessage-deflate; client_no_context_takeover; client_max_window_bits; \
            server_max_window_bits=15",
        answer: "permessage-deflate; client_max_window_bits=15",
    },
    Compression {
        offer: "permessage-deflate; client_no_context_takeover; client_max_window_bits; \
            server_no_context_takeover; server_max_window_bits=9",
        answer: "permessage-deflate; client_no_context_takeover; client_max_window_bits=9",
    },
    Compression {
        offer: "permessage-deflate; client_no_context_takeover; client_max_window_bits; \
            server_no_context_takeover; server_max_window_bits=15",
        answer: "permessage-deflate; client_no_context_takeover; client_max_window_bits=15",
    },
    Compression {
        offer: "permessage-deflate; client_no_context_takeover; client_max_window_bits; \
            server_no_context_takeover; server_max_window_bits=9, \
            permessage-deflate; client_no_context_takeover; client_max_window_bits; \
            server_no_context_takeover, \
            permessage-deflate; client_no_context_takeover; client_max_window_bits",
        answer: "permessage-deflate; client_no_context_takeover; client_max_window_bits=9",
    },
];

#[derive(Clone, Copy)]
enum Data {
    Json,
    Bitmap,
    Poem,
    Html,
    Incompressible,
}

pub(super) fn cases(size: Size) -> impl Iterator<Item = Case> + Send {
    let data = [Data::Json, Data::Bitmap, Data::Poem, Data::Html, Data::Incompressible];
    let payloads = (1..).zip(data).map(|(number, data)| (format!("12.{number}"), data, DEFAULT));
    let parameters = (1..).zip(PARAMETERS);
    let parameters =
        parameters.map(|(number, parameters)| (format!("13.{number}"), Data::Json, parameters));
    let all: Vec<_> = payloads.chain(parameters).collect();
    all.into_iter().flat_map(move |(prefix, data, compression)| {
        let source = Source::default();
        (1_u8..).zip(SIZES).map(move |(number, sizes)| {
            let (source, sizes) = (Arc::clone(&source), of(size, sizes));
            let row = Row { data, source, compression, sizes, size };
            let id = format!("{prefix}.{number}");
            let (len, fragment) = row.sizes;
            let how = if fragment > 0 { format!(" in fragments of {fragment}") } else { "".into() };
            let with = match compression.offer {
                OFFER => String::new(),
                _ => format!("; a client gets: {}", compression.answer),
            };
            let title = format!("{} of {len} characters, compressed{how}{with}", data.name());
            Case::frames(id, title, "RFC 7692 §7.2", move || row.script())
        })
    })
}

/// Returns the length and the fragment as [`Size`] limits them.
fn of(size: Size, (len, fragment): (usize, usize)) -> (usize, usize) {
    match size {
        Size::Full => (len, fragment),
        Size::Reduced => (len.min(4096), fragment.min(1024)),
    }
}

/// The data of a subcategory, made when it is needed first.
type Source = Arc<OnceLock<Arc<[char]>>>;

struct Row {
    data: Data,
    source: Source,
    compression: Compression,
    sizes: (usize, usize),
    size: Size,
}

impl Row {
    fn script(&self) -> Script {
        let (len, fragment) = self.sizes;
        let count = match self.size {
            Size::Full => 1000,
            Size::Reduced => (4096 / len).clamp(2, 50),
        };
        let data = || self.data.characters().take(DATA_LEN).collect();
        let rounds = Rounds {
            binary: matches!(self.data, Data::Bitmap | Data::Poem | Data::Incompressible),
            fragment: Some(fragment).filter(|&fragment| fragment > 0),
            len,
            count,
            data: Arc::clone(self.source.get_or_init(data)),
            at: 0,
        };
        Script::new(vec![Step::Rounds(rounds)], Vec::new(), End::WeClose)
            .compression(self.compression)
    }
}

impl Data {
    fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Bitmap => "pixels",
            Self::Poem => "verse",
            Self::Html => "HTML",
            Self::Incompressible => "random bytes",
        }
    }

    /// Characters without an end; those of binary data are below U+0100.
    fn characters(self) -> Box<dyn Iterator<Item = char>> {
        const WORDS: [&str; 12] = [
            "und",
            "der",
            "gr\u{fc}n",
            "Licht",
            "\u{fc}ber",
            "Wald",
            "sch\u{f6}n",
            "still",
            "Nacht",
            "wei\u{df}",
            "Stern",
            "ihr",
        ];
        let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
        let pieces = move || -> Option<String> {
            let (a, b) = (random.next() as usize, random.next());
            Some(match self {
                Self::Json => format!(
                    "{{\"id\":{},\"name\":\"{}\",\"tags\":[\"a\",\"b\"]}},\n",
                    b % 10_000,
                    WORDS[a % 4]
                ),
                Self::Poem if a % 7 == 0 => ",\n".into(),
                Self::Poem => format!(" {}", WORDS[a % 12]),
                Self::Html => {
                    format!(
                        "<tr class=\"row\"><td>{}</td><td>&nbsp;{}</td></tr>\n",
                        b % 100,
                        WORDS[a % 12]
                    )
                }
                // Neighbours that differ little, like the pixels of a photograph.
                Self::Bitmap => (0..8)
                    .map(|i| char::from(((a % 200) as u64 + (b >> (i * 3)) % 8) as u8))
                    .collect(),
                Self::Incompressible => b.to_le_bytes().into_iter().map(char::from).collect(),
            })
        };
        Box::new(std::iter::from_fn(pieces).flat_map(|piece| piece.chars().collect::<Vec<char>>()))
    }
}
