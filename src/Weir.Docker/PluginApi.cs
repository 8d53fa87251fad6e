// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Weir.Control;
using Weir.Net;

namespace Weir.Docker;

/// <summary>Docker's plugin protocol: POST /Driver.Method with a JSON object; errors are {"Err": "text"}.</summary>
public sealed class PluginApi(NetworkDriver network, IpamDriver ipam, ControlPlane control, ILogger<PluginApi> log)
{
    private const int LargestBody = 32 * 1024 * 1024; // every port of both protocols published

    /// <summary>Answers one call. Never throws for what is in it.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        string call = context.Request.Path.Value!.TrimStart('/');
        JsonObject answer;
        try
        {
            PluginRequest request = PluginRequest.Parse(await ReadBodyAsync(context.Request, context.RequestAborted));
            answer = await AnswerAsync(call, request, context.RequestAborted);
        }
        catch (Exception e) when (WeirException.IsExpected(e))
        {
            Log.PluginCallFailed(log, call, e.Message);
            answer = Refusal(e.Message);
        }
#pragma warning disable CA1031 // Docker waits for an answer, whatever it is.
        catch (Exception e) when (!context.RequestAborted.IsCancellationRequested)
#pragma warning restore CA1031
        {
            Log.PluginCallBroke(log, call, e);
            answer = Refusal($"{e.Message} (a mistake in weir: the agent's log has more)");
        }

        context.Response.ContentType = "application/vnd.docker.plugins.v1.2+json";
        await context.Response.WriteAsync(answer.ToJsonString(), context.RequestAborted);
    }

    private static JsonObject Refusal(string why) => new() { ["Err"] = $"weir: {why}", ["Error"] = $"weir: {why}" }; // network drivers' key, and IPAM's

    /// <summary>Many containers start at once: no thread waits for their turn.</summary>
    private async Task<JsonObject> AnswerAsync(string call, PluginRequest request, CancellationToken cancel) => call switch
    {
        "NetworkDriver.EndpointOperInfo" => await network.DescribeEndpointAsync(request, cancel),
        "IpamDriver.RequestAddress" => await ipam.RequestAddressAsync(request, cancel),
        _ => await control.RunAsync(() => Answer(call, request)),
    };

    private JsonObject Answer(string call, PluginRequest request) => call switch
    {
        "Plugin.Activate" => new JsonObject { ["Implements"] = new JsonArray("NetworkDriver", "IpamDriver") },
        "NetworkDriver.GetCapabilities" => NetworkDriver.Capabilities,
        "NetworkDriver.CreateNetwork" => network.CreateNetwork(request),
        "NetworkDriver.DeleteNetwork" => network.DeleteNetwork(request),
        "NetworkDriver.CreateEndpoint" => network.CreateEndpoint(request),
        "NetworkDriver.DeleteEndpoint" => network.DeleteEndpoint(request),
        "NetworkDriver.Join" => network.Join(request),

        "NetworkDriver.ProgramExternalConnectivity" => network.ProgramExternalConnectivity(request),
        "NetworkDriver.RevokeExternalConnectivity" => network.RevokeExternalConnectivity(request),

        // The link goes with the endpoint; there is nothing to discover on one host.
        "NetworkDriver.Leave" or "NetworkDriver.DiscoverNew" or "NetworkDriver.DiscoverDelete"
            or "NetworkDriver.AllocateNetwork" or "NetworkDriver.FreeNetwork" => [],
        "IpamDriver.GetCapabilities" => IpamDriver.Capabilities,
        "IpamDriver.GetDefaultAddressSpaces" => IpamDriver.AddressSpaces,
        "IpamDriver.RequestPool" => ipam.RequestPool(request),
        "IpamDriver.ReleasePool" => ipam.ReleasePool(request),
        "IpamDriver.ReleaseAddress" => ipam.ReleaseAddress(request),
        _ => throw new ControlException($"there is no plugin call \"{(call.Length > 64 ? call[..64] : call)}\""),
    };

    private static async Task<ReadOnlyMemory<byte>> ReadBodyAsync(HttpRequest request, CancellationToken cancel)
    {
        using var body = new MemoryStream();
        byte[] chunk = new byte[4096];
        int count;
        while ((count = await request.Body.ReadAsync(chunk, cancel)) > 0)
        {
            body.Write(chunk, 0, count);
            if (body.Length > LargestBody)
            {
                throw new ControlException($"the request's body is larger than {LargestBody} bytes");
            }
        }

        return body.ToArray();
    }
}
