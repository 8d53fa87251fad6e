// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using Grpc.Core.Interceptors;
using Weir.Net;

namespace Weir.Agent;

/// <summary>Whatever a call throws becomes an answer that says why.</summary>
internal sealed class CallBorder(IHostApplicationLifetime lifetime, ILogger<CallBorder> log) : Interceptor
{
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            return await continuation(request, context);
        }
        catch (Exception e) when (IsToBeSaid(e, context))
        {
            throw Describe(e, context.Method);
        }
    }

    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await continuation(request, responseStream, context);
        }
        catch (Exception e) when (IsToBeSaid(e, context))
        {
            throw Describe(e, context.Method);
        }
    }

    private static bool IsToBeSaid(Exception e, ServerCallContext context) => e is not RpcException && !context.CancellationToken.IsCancellationRequested;

    private RpcException Describe(Exception e, string method)
    {
        if (WeirException.IsExpected(e))
        {
            return Answer(StatusCode.Internal, e.Message);
        }

        if (e is ObjectDisposedException or OperationCanceledException && lifetime.ApplicationStopping.IsCancellationRequested)
        {
            return Answer(StatusCode.Unavailable, "the agent stops");
        }

        Log.CallFailed(log, method, e);
        return Answer(StatusCode.Internal, $"{e.Message} (a mistake in weir: the agent's log has more)");
    }

    private static RpcException Answer(StatusCode code, string why) => new(new Grpc.Core.Status(code, why));
}
