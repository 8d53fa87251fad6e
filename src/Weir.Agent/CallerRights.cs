// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using Grpc.Core.Interceptors;
using Weir.Agent.Hubble;

namespace Weir.Agent;

/// <summary>Lets those who came by the socket for readers, and other nodes, ask, and change nothing.</summary>
internal sealed class CallerRights : Interceptor
{
    /// <summary>What begins with one of these changes nothing; all else does.</summary>
    private static readonly string[] _questions = ["Get", "List", "Explain", "Dump", "Monitor", "Try", "Suggest"];

    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        Check(context);
        return continuation(request, context);
    }

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Check(context);
        return continuation(request, responseStream, context);
    }

    /// <param name="method">Its name alone: "GetStatus".</param>
    internal static bool IsQuestion(string method) => _questions.Any(word => method.StartsWith(word, StringComparison.Ordinal));

    /// <summary>A call's name alone.</summary>
    internal static string MethodOf(ServerCallContext context) => context.Method[(context.Method.LastIndexOf('/') + 1)..];

    /// <summary>Who asks; a connection of which nothing is noted may nothing.</summary>
    internal static Caller Of(ServerCallContext context) => context.GetHttpContext().Features.Get<Caller>() ?? new Caller("", false);

    private static void Check(ServerCallContext context)
    {
        if (!HubbleDoor.IsHubbles(context.Method) && !Of(context).MayChange && !IsQuestion(MethodOf(context)))
        {
            throw new RpcException(new Grpc.Core.Status(StatusCode.PermissionDenied, Of(context).Node is null ? "you may look and not change: run it as root, or as a member of the group that may" : "other nodes may look and not change"));
        }
    }
}
