//! Categories 12 and 13: permessage-deflate (RFC 7692).
//!
//! The originals of the payloads belong to others; here are texts and bytes of the same kinds, made by a generator.

use super::Step::{Await, Message};
use super::deflate::{Deflater, Inflater};
use super::{Case, Compression, End, Endpoint, Implementation, Random, Role, binary, full, text};

/// Message length (in characters) and the longest fragment (0: any), by the last number of the case.
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

const OFFER: &str = "permessage-deflate; client_no_context_takeover; client_max_window_bits";

const DEFAULT: Compression = Compression { offer: OFFER, answer: "permessage-deflate" };

/// What a server is offered and a client is answered, by the second number of the cases 13.
const PARAMETERS: [Compression; 7] = [
    DEFAULT,
    Compression {
        offer: "permessage-deflate; client_no_context_takeover; client_max_window_bits; server_no_context_takeover",
        answer: "permessage-deflate; client_no_context_takeover",
    },
    Compression {
        offer: "permessage-deflate; client_no_context_takeover; client_max_window_bits; server_max_window_bits=9",
        answer: "permessage-deflate; client_max_window_bits=9",
    },
    Compression {
        offer: "permessage-deflate; client_no_context_takeover; client_max_window_bits; server_max_window_bits=15",
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
            permessage-deflate; client_no_context_takeover; client_max_window_bits; server_no_context_takeover, \
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

pub(super) fn different_payloads() -> impl Iterator<Item = Case> {
    let data = [Data::Json, Data::Bitmap, Data::Poem, Data::Html, Data::Incompressible];
    (1..).zip(data).flat_map(|(number, data)| rows(format!("12.{number}"), data, DEFAULT))
}

pub(super) fn different_parameters() -> impl Iterator<Item = Case> {
    (1..)
        .zip(PARAMETERS)
        .flat_map(|(number, parameters)| rows(format!("13.{number}"), Data::Json, parameters))
}

fn rows(prefix: String, data: Data, compression: Compression) -> impl Iterator<Item = Case> {
    (1..).zip(SIZES).map(move |(number, (len, fragment))| {
        // What `full` explains.
        let (len, fragment) =
            if full() { (len, fragment) } else { (len.min(4096), fragment.min(1024)) };
        let count =
            if full() { ((1 << 20) / len).clamp(8, 1000) } else { (4096 / len).clamp(2, 50) };
        let is_binary = matches!(data, Data::Bitmap | Data::Incompressible);
        let mut source = data.characters(number);
        let (mut steps, mut expected) = (Vec::new(), Vec::new());
        for count in 1..=count {
            let payload: Vec<u8> = match is_binary {
                true => {
                    source.by_ref().take(len).map(|character| u32::from(character) as u8).collect()
                }
                false => source.by_ref().take(len).collect::<String>().into(),
            };
            expected.push(if is_binary { binary(payload.clone()) } else { text(payload.clone()) });
            let fragment = Some(fragment).filter(|&fragment| fragment > 0);
            steps.push(Message { binary: is_binary, payload, fragment });
            steps.push(Await(count));
        }
        let case = Case::new(format!("{prefix}.{number}"), steps, expected, End::WeClose);
        Case { compression: Some(compression), ..case }
    })
}

impl Data {
    /// Characters without an end; those of binary data are below U+0100.
    fn characters(self, seed: u64) -> Box<dyn Iterator<Item = char>> {
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
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
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

/// What was agreed, read from the response.
pub(super) struct Agreed {
    server_takeover: bool,
    client_takeover: bool,
    server_bits: u8,
    client_bits: u8,
}

impl Agreed {
    fn read(response: &str) -> Option<Self> {
        let mut agreed =
            Self { server_takeover: true, client_takeover: true, server_bits: 15, client_bits: 15 };
        let mut parts = response.split(';').map(str::trim);
        if parts.next() != Some("permessage-deflate") {
            return None;
        }
        for part in parts {
            match part.split_once('=') {
                None if part == "server_no_context_takeover" => agreed.server_takeover = false,
                None if part == "client_no_context_takeover" => agreed.client_takeover = false,
                Some(("server_max_window_bits", bits)) => agreed.server_bits = bits.parse().ok()?,
                Some(("client_max_window_bits", bits)) => agreed.client_bits = bits.parse().ok()?,
                _ => return None,
            }
        }
        Some(agreed)
    }

    /// Whether a server may answer this to the first element of the offer, the one that we want most.
    fn honours(&self, offer: &str) -> bool {
        let first = offer.split(',').next().unwrap_or_default();
        let asked_bits =
            first.split("server_max_window_bits=").nth(1).map_or(15, |bits| bits.parse().unwrap());
        let asked_no_takeover = first.contains("server_no_context_takeover");
        self.server_bits <= asked_bits && !(self.server_takeover && asked_no_takeover)
    }

    /// What the tester compresses and decompresses with, if the other role is under test.
    pub(super) fn codec(&self, under_test: Role) -> (Deflater, Inflater) {
        let (server, client) =
            ((self.server_bits, self.server_takeover), (self.client_bits, self.client_takeover));
        let (sends, receives) =
            if under_test == Role::Server { (client, server) } else { (server, client) };
        (Deflater::new(sends.0, sends.1), Inflater::new(receives.0, receives.1))
    }
}

pub(super) fn negotiate(
    implementation: &dyn Implementation,
    role: Role,
    compression: &Compression,
) -> Option<(Box<dyn Endpoint>, Agreed)> {
    match role {
        Role::Server => {
            let (endpoint, response) = implementation.open_server(compression.offer)?;
            let agreed =
                Agreed::read(&response).filter(|agreed| agreed.honours(compression.offer))?;
            Some((endpoint, agreed))
        }
        Role::Client => {
            let endpoint = implementation.open_client(&|_| compression.answer.to_owned())?;
            Some((endpoint, Agreed::read(compression.answer)?))
        }
    }
}
