//! The limits of heads, raised and lowered. `limits_hold_to_the_byte` and
//! `limits_of_responses_hold_to_the_byte` are about their borders.

use super::*;

/// What a server, a client and one of a proxy make of heads with so many more lines.
fn with_lines(
    lines: usize,
    len: usize,
    limits: HeadLimits,
) -> (Result<usize, Bad>, Result<usize, ResponseError>, Result<usize, ResponseError>) {
    let more = format!("x: {}\r\n", "y".repeat(len)).repeat(lines);
    let request = with("Sec-WebSocket-Version", &format!("{more}Sec-WebSocket-Version: 13\r\n"));
    let response = RESPONSE.replace("Upgrade: ", &format!("{more}Upgrade: "));
    let tunnel = format!("HTTP/1.1 200 OK\r\n{more}\r\n");
    let mut results = Vec::new();
    for size in [1, 1000, usize::MAX] {
        let (mut server, mut out) = (ServerHandshake::new(limits), Outbox::new());
        let mut of_server = Ok(0);
        for piece in request.chunks(size.min(request.len())) {
            match server.receive(&mut Input::new(&mut piece.to_vec()), &mut out) {
                Ok(Some(request)) => {
                    of_server = request.check().map(|()| request.fields().count());
                }
                Ok(None) => {}
                Err(error) => of_server = Err(error),
            }
        }
        let uri = Uri::parse("ws://a/").unwrap();
        let asked = ClientRequest::new(&uri).subprotocol("chat").head_limits(limits);
        let mut client = client_of(&asked, &mut Outbox::new()).unwrap();
        let mut of_client = Ok(0);
        for piece in response.as_bytes().chunks(size.min(response.len())) {
            match client.receive(&mut Input::new(&mut piece.to_vec())) {
                Ok(Some(Answer::Open(_, response))) => of_client = Ok(response.fields().count()),
                Ok(Some(Answer::Refused(refusal))) => panic!("{refusal:?}"),
                Ok(None) => {}
                Err(error) => of_client = Err(error),
            }
        }
        let asked = ProxyRequest::new("a", 80).head_limits(limits);
        let mut proxy = ProxyHandshake::new(&asked, &mut Outbox::new()).unwrap();
        let mut of_proxy = Ok(0);
        for piece in tunnel.as_bytes().chunks(size.min(tunnel.len())) {
            match proxy.receive(&mut Input::new(&mut piece.to_vec())) {
                Ok(Some(ProxyAnswer::Open(response))) => of_proxy = Ok(response.fields().count()),
                Ok(Some(ProxyAnswer::Refused(refusal))) => panic!("{refusal:?}"),
                Ok(None) => {}
                Err(error) => of_proxy = Err(error),
            }
        }
        results.push((of_server, of_client, of_proxy));
    }
    assert!(results.windows(2).all(|two| two[0] == two[1]), "{results:?}");
    results.remove(0)
}

#[test]
fn limits_can_be_raised() {
    let default = HeadLimits::default();
    let raised = default.fields_max(2000).head_bytes_max(256 << 10);
    assert_eq!(with_lines(1000, 1, raised), (Ok(1007), Ok(1004), Ok(1000)));
    assert_eq!(with_lines(1, 200 << 10, raised), (Ok(8), Ok(5), Ok(1)));
    assert_eq!(with_lines(1993, 100, raised), (Ok(2000), Ok(1997), Ok(1993)));
    let too_many = (Err(Bad::TooManyFields), Err(ResponseError::TooManyFields));
    let (server, client, _) = with_lines(2000, 1, raised);
    assert_eq!((server, client), too_many);
    // As far as their types go.
    let most = HeadLimits::default().fields_max(u16::MAX).head_bytes_max(u32::MAX);
    assert_eq!(with_lines(50_000, 1, most), (Ok(50_007), Ok(50_004), Ok(50_000)));
}

/// The documented defaults: 128 lines, 16 KiB.
#[test]
fn the_defaults_are_as_documented() {
    let default = HeadLimits::default();
    assert_eq!(with_lines(121, 1, default), (Ok(128), Ok(125), Ok(121)));
    let (server, _, proxy) = with_lines(129, 1, default);
    assert_eq!((server, proxy), (Err(Bad::TooManyFields), Err(ResponseError::TooManyFields)),);
    let (server, client, proxy) = with_lines(1, 16 << 10, default);
    assert_eq!((server, client), (Err(Bad::HeadTooLong), Err(ResponseError::HeadTooLong)));
    assert_eq!(proxy, Err(ResponseError::HeadTooLong));
}

/// Zero is not "no limit": nothing fits, and each refusal says which limit it was.
#[test]
fn limits_in_which_nothing_fits_say_so() {
    let default = HeadLimits::default();
    let (server, client, proxy) = with_lines(1, 1, default.head_bytes_max(0));
    assert_eq!((server, client), (Err(Bad::TargetTooLong), Err(ResponseError::HeadTooLong)));
    assert_eq!(proxy, Err(ResponseError::HeadTooLong));
    let (server, client, proxy) = with_lines(1, 1, default.fields_max(0));
    assert_eq!((server, client), (Err(Bad::TooManyFields), Err(ResponseError::TooManyFields)));
    assert_eq!(proxy, Err(ResponseError::TooManyFields));
    let (server, client, _) = with_lines(1, 1, default.target_bytes_max(0));
    assert_eq!((server, client), (Err(Bad::TargetTooLong), Ok(5))); // a response has no target
}
