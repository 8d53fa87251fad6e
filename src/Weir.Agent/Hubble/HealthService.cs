// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using Weir.Api.Serving;

namespace Weir.Agent.Hubble;

/// <summary>Tells that the server serves: where it does not, nobody answers.</summary>
internal sealed class HealthService(IHostApplicationLifetime lifetime) : Health.HealthBase
{
    /// <summary>The last is what Hubble's own client asks for.</summary>
    private static readonly string[] _services = ["", "observer.Observer", "hubble.server.Observer"];

    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) => _services.Contains(request.Service)
        ? Task.FromResult(Serving)
        : throw new RpcException(new Status(StatusCode.NotFound, $"there is no service \"{request.Service}\" here"));

    public override async Task Watch(HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        using IDisposable place = HubbleDoor.TryEnter(context.GetHttpContext()) ?? throw new RpcException(new Status(StatusCode.ResourceExhausted, "too many watch at once"));
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        await responseStream.WriteAsync(_services.Contains(request.Service) ? Serving : new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.ServiceUnknown });
        await Task.Delay(Timeout.Infinite, ending.Token).ContinueWith(_ => { }, TaskScheduler.Default);
    }

    private static HealthCheckResponse Serving => new() { Status = HealthCheckResponse.Types.ServingStatus.Serving };
}
