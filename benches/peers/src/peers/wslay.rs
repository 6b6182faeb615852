//! wslay, a C library: its event interface. It queues a copy of what it is given to send.

use crate::peer::{Kind, Peer, Receive, Receiver, Role, Sender, Sink};
use crate::pipe::Pipe;
use crate::workload::Load;
use rand::Rng;
use std::any::Any;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::slice;

const ERR_WOULDBLOCK: c_int = -401;

#[repr(C)]
struct Context(c_void);

#[repr(C)]
struct MsgRecvArg {
    rsv: u8,
    opcode: u8,
    msg: *const u8,
    msg_length: usize,
    status_code: u16,
}

type RecvCallback = unsafe extern "C" fn(*mut Context, *mut u8, usize, c_int, *mut c_void) -> isize;
type SendCallback =
    unsafe extern "C" fn(*mut Context, *const u8, usize, c_int, *mut c_void) -> isize;
type GenmaskCallback = unsafe extern "C" fn(*mut Context, *mut u8, usize, *mut c_void) -> c_int;
type MsgRecvCallback = unsafe extern "C" fn(*mut Context, *const MsgRecvArg, *mut c_void);

#[repr(C)]
struct Callbacks {
    recv: RecvCallback,
    send: SendCallback,
    genmask: GenmaskCallback,
    on_frame_recv_start: *const c_void,
    on_frame_recv_chunk: *const c_void,
    on_frame_recv_end: *const c_void,
    on_msg_recv: Option<MsgRecvCallback>,
}

#[repr(C)]
struct Msg {
    opcode: u8,
    msg: *const u8,
    msg_length: usize,
}

#[link(name = "wslay")]
unsafe extern "C" {
    fn wslay_event_context_server_init(
        context: *mut *mut Context,
        callbacks: *const Callbacks,
        user: *mut c_void,
    ) -> c_int;
    fn wslay_event_context_client_init(
        context: *mut *mut Context,
        callbacks: *const Callbacks,
        user: *mut c_void,
    ) -> c_int;
    fn wslay_event_context_free(context: *mut Context);
    fn wslay_event_config_set_callbacks(context: *mut Context, callbacks: *const Callbacks);
    fn wslay_event_set_error(context: *mut Context, error: c_int);
    fn wslay_event_recv(context: *mut Context) -> c_int;
    fn wslay_event_send(context: *mut Context) -> c_int;
    fn wslay_event_queue_msg(context: *mut Context, message: *const Msg) -> c_int;
}

pub struct Wslay;

impl Peer for Wslay {
    fn name(&self) -> &'static str {
        "wslay"
    }

    fn receiver(&self, load: &'static Load, pipe: Pipe) -> Option<Box<dyn Receiver>> {
        (!load.compressed).then(|| Box::new(Connection::new(load.role, pipe, &[])) as _)
    }

    fn sender(&self, role: Role, payload: &'static [u8], pipe: Pipe) -> Option<Box<dyn Sender>> {
        Some(Box::new(Connection::new(role, pipe, payload)))
    }

    fn idle(&self, _: Role, _: Pipe) -> Option<(Box<dyn Any>, usize)> {
        // Its memory is the C allocator's, which is not counted here.
        None
    }
}

struct Connection {
    context: *mut Context,
    user: Box<User>,
    payload: &'static [u8],
}

/// What the callbacks find behind their pointer.
struct User {
    pipe: Pipe,
    sink: *mut c_void,
    received: usize,
}

impl Connection {
    fn new(role: Role, pipe: Pipe, payload: &'static [u8]) -> Self {
        let mut user = Box::new(User { pipe: pipe.buffering(), sink: null_mut(), received: 0 });
        let mut context = null_mut();
        let user_data = (&raw mut *user).cast();
        let result = unsafe {
            match role {
                Role::Server => {
                    wslay_event_context_server_init(&mut context, &callbacks(None), user_data)
                }
                Role::Client => {
                    wslay_event_context_client_init(&mut context, &callbacks(None), user_data)
                }
            }
        };
        assert_eq!(result, 0);
        Self { context, user, payload }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        unsafe { wslay_event_context_free(self.context) }
    }
}

fn callbacks(on_msg_recv: Option<MsgRecvCallback>) -> Callbacks {
    let none = std::ptr::null();
    Callbacks {
        recv,
        send,
        genmask,
        on_frame_recv_start: none,
        on_frame_recv_chunk: none,
        on_frame_recv_end: none,
        on_msg_recv,
    }
}

unsafe extern "C" fn recv(
    context: *mut Context,
    into: *mut u8,
    len: usize,
    _: c_int,
    user: *mut c_void,
) -> isize {
    let user = unsafe { &mut *user.cast::<User>() };
    match user.pipe.read_into(unsafe { slice::from_raw_parts_mut(into, len) }) {
        0 => {
            unsafe { wslay_event_set_error(context, ERR_WOULDBLOCK) };
            -1
        }
        n => n as isize,
    }
}

unsafe extern "C" fn send(
    _: *mut Context,
    bytes: *const u8,
    len: usize,
    _: c_int,
    user: *mut c_void,
) -> isize {
    let user = unsafe { &mut *user.cast::<User>() };
    user.pipe.give(unsafe { slice::from_raw_parts(bytes, len) }) as isize
}

unsafe extern "C" fn genmask(_: *mut Context, key: *mut u8, len: usize, _: *mut c_void) -> c_int {
    rand::rng().fill_bytes(unsafe { slice::from_raw_parts_mut(key, len) });
    0
}

unsafe extern "C" fn on_msg<S: Sink>(_: *mut Context, arg: *const MsgRecvArg, user: *mut c_void) {
    let (user, arg) = unsafe { (&mut *user.cast::<User>(), &*arg) };
    let kind = match arg.opcode {
        1 => Kind::Text,
        2 => Kind::Binary,
        _ => return,
    };
    user.received += 1;
    unsafe {
        (*user.sink.cast::<S>()).message(kind, slice::from_raw_parts(arg.msg, arg.msg_length))
    };
}

impl Receive for Connection {
    fn receive<S: Sink>(&mut self, messages: usize, sink: &mut S) {
        self.user.sink = (&raw mut *sink).cast();
        self.user.received = 0;
        unsafe {
            wslay_event_config_set_callbacks(self.context, &callbacks(Some(on_msg::<S>)));
            assert_eq!(wslay_event_recv(self.context), 0);
            assert_eq!(wslay_event_send(self.context), 0);
        }
        assert_eq!(self.user.received, messages);
        self.user.pipe.push_out();
    }
}

impl Sender for Connection {
    fn send(&mut self, messages: usize) {
        let message = Msg { opcode: 2, msg: self.payload.as_ptr(), msg_length: self.payload.len() };
        for _ in 0..messages {
            assert_eq!(unsafe { wslay_event_queue_msg(self.context, &message) }, 0);
        }
        assert_eq!(unsafe { wslay_event_send(self.context) }, 0);
        self.user.pipe.push_out();
    }
}
