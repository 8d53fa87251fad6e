// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Weir.Agent.Hubble;
using Weir.Cli;
using Weir.Control.Cluster;

namespace Weir.Agent.Peers;

/// <summary>Asks another node's agent where the caller says so, and passes on what it says. Only questions, and only those of callers
/// on this host: nobody is sent round.</summary>
internal sealed class NodeRelay(PeerDoors doors, IHostApplicationLifetime lifetime, TimeProvider time) : Interceptor
{
    private static readonly Google.Protobuf.Reflection.ServiceDescriptor[] _services = [Api.Agent.Descriptor, Api.Replay.Descriptor, Api.Measurements.Descriptor];

    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        if (Target(context) is not { } node)
        {
            return await continuation(request, context);
        }

        using GrpcChannel channel = doors.Client!.Open(node);
        try
        {
            DateTime patience = time.GetUtcNow().UtcDateTime + PeerClient.Patience;
            DateTime deadline = context.Deadline < patience ? context.Deadline : patience;
            using AsyncUnaryCall<TResponse> call = channel.CreateCallInvoker().AsyncUnaryCall(
                Method<TRequest, TResponse>(context, MethodType.Unary), null, new CallOptions(deadline: deadline, cancellationToken: context.CancellationToken), request);
            return await call;
        }
        catch (RpcException e) when (!context.CancellationToken.IsCancellationRequested)
        {
            throw PeerClient.Describe(node, e);
        }
    }

    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        if (Target(context) is not { } node)
        {
            await continuation(request, responseStream, context);
            return;
        }

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        using GrpcChannel channel = doors.Client!.Open(node);
        try
        {
            using AsyncServerStreamingCall<TResponse> call = channel.CreateCallInvoker().AsyncServerStreamingCall(
                Method<TRequest, TResponse>(context, MethodType.ServerStreaming), null, new CallOptions(cancellationToken: ending.Token), request);
            await call.ResponseHeadersAsync;
            await context.WriteResponseHeadersAsync([]); // from here on nothing is missed there
            // Who does not read keeps the other node's stream waiting, which then leaves out and says how much.
            await foreach (TResponse e in call.ResponseStream.ReadAllAsync(ending.Token))
            {
                await responseStream.WriteAsync(e, ending.Token);
            }
        }
        catch (Exception e) when (ending.IsCancellationRequested && e is OperationCanceledException or RpcException)
        {
            if (lifetime.ApplicationStopping.IsCancellationRequested)
            {
                throw new RpcException(new Status(StatusCode.Unavailable, "the agent stops"));
            }

            // The caller has seen enough.
        }
        catch (RpcException e)
        {
            throw PeerClient.Describe(node, e);
        }
    }

    /// <summary>Null: the question is for this node.</summary>
    private NodeView? Target(ServerCallContext context)
    {
        if (HubbleDoor.IsHubbles(context.Method) || context.RequestHeaders.GetValue(NodeHeader.Name) is not { } name)
        {
            return null;
        }

        if (CallerRights.Of(context).Node is not null)
        {
            throw new RpcException(new Status(StatusCode.PermissionDenied, "one node does not ask another by way of a third"));
        }

        if (!CallerRights.IsQuestion(CallerRights.MethodOf(context)))
        {
            throw new RpcException(new Status(StatusCode.PermissionDenied, "another node is only asked, not changed: what is the nodes' in common is changed on any of them, all else on itself"));
        }

        PeerClient client = doors.Client ?? throw new RpcException(new Status(StatusCode.FailedPrecondition, ClusterAnswers.ByItself));
        NodeView node = client.Find(name);
        return node.IsSelf ? null : node;
    }

    private static Method<TRequest, TResponse> Method<TRequest, TResponse>(ServerCallContext context, MethodType type)
    {
        MethodDescriptor method = _services.Single(service => context.Method.StartsWith($"/{service.FullName}/", StringComparison.Ordinal)).FindMethodByName(CallerRights.MethodOf(context));
        return new Method<TRequest, TResponse>(
            type,
            method.Service.FullName,
            method.Name,
            Marshallers.Create<TRequest>(message => ((IMessage)message!).ToByteArray(), _ => throw new NotSupportedException()),
            Marshallers.Create(_ => throw new NotSupportedException(), bytes => (TResponse)method.OutputType.Parser.ParseFrom(bytes)));
    }
}
