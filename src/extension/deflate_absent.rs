//! Stands in for permessage-deflate without feature `deflate`. Its types have no values, so that
//! the connection is written once and the compiler removes what cannot happen.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use crate::error::ProtocolError;
use crate::export::{Body, ImportError};
use crate::extension::Offer;

type Push<'p> = dyn FnMut(Cow<'_, [u8]>) -> Result<(), ProtocolError> + 'p;

#[derive(Debug)]
pub(crate) enum Inflater {}

impl Inflater {
    pub(crate) fn export(&self, _: &mut Vec<u8>) {
        match *self {}
    }

    pub(crate) fn import(
        _: bool,
        config: &DeflateConfig,
        _: &mut Body<'_>,
    ) -> Result<Self, ImportError> {
        match *config {}
    }

    pub(crate) const fn limit(&self) -> u64 {
        match *self {}
    }

    pub(crate) fn limit_to(&mut self, _: Option<u64>) {
        match *self {}
    }

    pub(crate) fn is_pending(&self) -> bool {
        match *self {}
    }

    pub(crate) fn inflate(&mut self, _: &[u8], _: &mut Push<'_>) -> Result<usize, ProtocolError> {
        match *self {}
    }

    pub(crate) fn finish(&mut self) -> Result<(), ProtocolError> {
        match *self {}
    }
}

#[derive(Debug)]
pub(crate) enum Deflater {}

impl Deflater {
    pub(crate) fn export(&self, _: &mut Vec<u8>) {
        match *self {}
    }

    pub(crate) fn import(
        config: &DeflateConfig,
        _: &mut Body<'_>,
    ) -> Result<Option<Self>, ImportError> {
        match *config {}
    }

    pub(crate) fn wants(&self, _: Option<usize>) -> bool {
        match *self {}
    }

    pub(crate) fn compress(&mut self, _: &[u8], _: bool) -> Vec<u8> {
        match *self {}
    }

    pub(crate) fn compress_shared(&mut self, _: &[u8], _: &SharedForm) -> Bytes {
        match *self {}
    }
}

#[derive(Clone, Default)]
pub(crate) struct SharedForm(());

pub(crate) const NAME: &str = "permessage-deflate";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum DeflateConfig {}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Agreed {}

impl fmt::Display for Agreed {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

#[derive(Debug)]
pub(crate) enum NegotiationError {}

pub(crate) fn offer(config: &DeflateConfig) -> String {
    match *config {}
}

pub(crate) fn respond<'a>(
    config: &DeflateConfig,
    _: impl IntoIterator<Item = Offer<'a>>,
) -> Option<Agreed> {
    match *config {}
}

pub(crate) fn conclude(config: &DeflateConfig, _: &Offer<'_>) -> Result<Agreed, NegotiationError> {
    match *config {}
}

pub(crate) fn transform(
    _: bool,
    agreed: &Agreed,
    _: &DeflateConfig,
) -> (Option<Inflater>, Option<Deflater>) {
    match *agreed {}
}
