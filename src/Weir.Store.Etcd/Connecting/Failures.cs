// SPDX-License-Identifier: Apache-2.0

using System.Security.Authentication;
using Grpc.Core;

namespace Weir.Store.Etcd.Connecting;

/// <summary>What a failed request means for its connection, and for what it asked for.</summary>
internal enum Failure
{
    /// <summary>etcd has answered: it does not do this.</summary>
    Refused,

    /// <summary>etcd wants another token, and has done nothing.</summary>
    Token,

    /// <summary>This member cannot do anything now, and has done nothing.</summary>
    NotSent,

    /// <summary>There was no answer: it may have been done, or may still be.</summary>
    Lost,
}

/// <summary>Reads etcd's errors. Its codes do not say everything; the texts are the same in all versions of its third API.</summary>
internal static class Failures
{
    private const string Tls = "TLS";

    internal static Failure Of(RpcException e) => e.StatusCode switch
    {
        StatusCode.Unauthenticated => Failure.Token,
        _ when Says(e, "auth store is old") || Says(e, "revision in header is old") => Failure.Token,
        StatusCode.FailedPrecondition when Says(e, "not leader") => Failure.Lost,
        StatusCode.Unavailable when Says(e, "no leader") || Says(e, "not capable") || Says(e, "learner") => Failure.NotSent,
        StatusCode.InvalidArgument or StatusCode.OutOfRange or StatusCode.NotFound or StatusCode.AlreadyExists or StatusCode.PermissionDenied
            or StatusCode.FailedPrecondition or StatusCode.ResourceExhausted or StatusCode.Unimplemented => Failure.Refused,
        _ => IsFromLostConnection(e) ? Failure.NotSent : Failure.Lost,
    };

    internal static bool IsLeaseNotFound(RpcException e) => e.StatusCode == StatusCode.NotFound && Says(e, "lease not found");

    internal static bool IsCompacted(RpcException e) => e.StatusCode == StatusCode.OutOfRange && Says(e, "compacted");

    internal static bool IsFuture(RpcException e) => e.StatusCode == StatusCode.OutOfRange && Says(e, "future");

    /// <summary>More than a message may have, on this side.</summary>
    internal static bool IsTooLarge(RpcException e) => e.StatusCode == StatusCode.ResourceExhausted && Says(e, "message");

    /// <summary>In words, why a first request failed. A server that does not take a client's certificate says so, or just hangs
    /// up, after the handshake of TLS.</summary>
    internal static string FirstWords(Exception e, bool isTls) =>
        Words(e) is var words && isTls && e is RpcException { Status.DebugException: HttpRequestException { HttpRequestError: not HttpRequestError.ConnectionError } } && !words.StartsWith(Tls, StringComparison.Ordinal)
            ? $"{words}, maybe since it does not take this host's certificate"
            : words;

    /// <summary>In words, as deep as the reason is.</summary>
    internal static string Words(Exception e) => e switch
    {
        RpcException { StatusCode: StatusCode.DeadlineExceeded } => "no answer in time",
        RpcException { Status.DebugException: { } inner } => Innermost(inner),
        RpcException { StatusCode: StatusCode.Unauthenticated or StatusCode.PermissionDenied } rpc => $"{Plain(rpc)}; look at the user's password and roles",
        RpcException rpc when Says(rpc, "user name is empty") => "etcd wants a user and password",
        RpcException rpc => Plain(rpc),
        _ => e.Message,
    };

    private static string Plain(RpcException e) => e.Status.Detail.Replace("etcdserver: ", "", StringComparison.Ordinal);

    private static string Innermost(Exception e)
    {
        bool isTls = e is AuthenticationException;
        while (e.InnerException is { } inner)
        {
            e = inner;
            isTls |= e is AuthenticationException;
        }

        return isTls || e.Message.Contains("SSL routines", StringComparison.Ordinal) ? $"{Tls}: {e.Message.TrimEnd('.')}; look at the CA, certificate and key on both sides" : e.Message;
    }

    private static bool Says(RpcException e, string text) => e.Status.Detail.Contains(text, StringComparison.Ordinal);

    private static bool IsFromLostConnection(RpcException e)
    {
        for (Exception? at = e.Status.DebugException; at is not null; at = at.InnerException)
        {
            if (at is ConnectionLostException)
            {
                return true;
            }
        }

        return false;
    }
}
