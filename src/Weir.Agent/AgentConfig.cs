// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Agent.Hubble;
using Weir.Cli;
using Weir.Control;
using Weir.Datapath;
using Weir.Flows;
using Weir.Store.Etcd;

namespace Weir.Agent;

/// <summary>What the agent is told by file, environment and flags.</summary>
internal sealed record AgentConfig
{
    internal const string DefaultFile = "/etc/weir/agent.yaml";
    internal const string DefaultStateFolder = "/var/lib/weir";
    internal const string DefaultPluginSocket = "/run/docker/plugins/weir.sock";

    /// <summary>Where the command line reaches the agent.</summary>
    internal string Socket { get; init; } = AgentSocket.Default;

    /// <summary>Members may use the socket.</summary>
    internal string Group { get; init; } = "weir";

    /// <summary>Members may look, and change nothing, by <see cref="ReadSocket"/>.</summary>
    internal string ReadGroup { get; init; } = "weir-read";

    /// <summary>Holds what outlives the host's restart.</summary>
    internal string StateFolder { get; init; } = DefaultStateFolder;

    internal string DockerSocket { get; init; } = "/var/run/docker.sock";

    internal string PluginSocket { get; init; } = DefaultPluginSocket;

    internal LogLevel LogLevel { get; init; } = LogLevel.Information;

    internal bool JsonLog { get; init; }

    internal ControlOptions Control { get; init; } = new();

    /// <summary>The store that the hosts of a cluster share; without endpoints: this host is by itself.</summary>
    internal EtcdOptions Shared { get; init; } = new() { Endpoints = [] };

    internal string NodeName { get; init; } = Environment.MachineName;

    /// <summary>How packets go to other hosts' containers.</summary>
    internal NodeWay NodeWay { get; init; }

    /// <summary>Whether the cluster's networks are made known to Docker.</summary>
    internal bool MakesNetworks { get; init; } = true;

    /// <summary>One of a family at most; empty: not told.</summary>
    internal IReadOnlyList<IPAddress> NodeAddresses { get; init; } = [];

    /// <summary>At which other nodes' agents ask this one (TCP).</summary>
    internal int NodePort { get; init; } = 4245;

    /// <summary>What is written down of what happens.</summary>
    internal RecordMode Record { get; init; } = RecordMode.Flows;

    internal long RecordBytes { get; init; } = 256L * 1024 * 1024;

    internal TimeSpan RecordFor { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How long connections of a proxy that has a successor may last.</summary>
    internal TimeSpan ProxyDrain { get; init; } = TimeSpan.FromHours(1);

    internal MetricsOptions Metrics { get; init; } = new();

    internal HubbleOptions Hubble { get; init; } = new();

    internal DatapathOptions Datapath { get; init; } = new();

    /// <summary>Holds what happened.</summary>
    internal string RecordFolder => Path.Combine(StateFolder, "record");

    /// <summary>Holds what outlives the agent's restart only.</summary>
    internal string RunFolder => Path.GetDirectoryName(Socket)!;

    /// <summary>Where those reach the agent who may look and not change.</summary>
    internal string ReadSocket => AgentSocket.ReadersOf(Socket);
}
