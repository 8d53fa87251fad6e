// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Weir.Cli;

/// <summary>This host's agent, and by way of it those of other nodes.</summary>
internal sealed class Agents(CallInvoker calls)
{
    internal Api.Agent.AgentClient Own { get; } = new(calls);

    /// <summary>What is on record, at this host's agent.</summary>
    internal Api.Replay.ReplayClient Record { get; } = new(calls);

    /// <summary>What is measured now, at this host's agent.</summary>
    internal Api.Measurements.MeasurementsClient Measured { get; } = new(calls);

    internal Api.Agent.AgentClient Of(string node) => new(calls.Intercept(headers => [.. headers, new Metadata.Entry(NodeHeader.Name, node)]));
}
