// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control.Cluster;

/// <summary>Where records lie in the store that the nodes share.</summary>
internal static class ClusterKeys
{
    internal const string Nodes = "nodes/";

    /// <summary>All that is under a lease.</summary>
    internal const string Alive = "alive/";

    internal const string Identities = "identities/";
    internal const string Numbers = "numbers/";
    internal const string Uses = "uses/";
    internal const string Endpoints = "endpoints/";
    internal const string Networks = "networks/";
    internal const string Blocks = "blocks/";

    /// <summary>The policy of all nodes, in one record, so that it is replaced whole.</summary>
    internal const string Policy = "policy";

    internal const string Texts = "texts/";

    /// <summary>A service of all nodes each.</summary>
    internal const string Services = "services/";

    /// <summary>Written with each change of any service: who has not seen the last one changes nothing.</summary>
    internal const string ServicesChanged = "services";

    internal const string Tables = "tables/";
    internal const string Health = "health/";

    internal static string Node(string name) => Nodes + name;

    /// <summary>Says that a node's agent is there, by its instance.</summary>
    internal static string AliveOf(string node) => Alive + node;

    /// <summary>A label set may be longer than a key.</summary>
    internal static string Identity(LabelSet labels) => Identities + HashOf(labels.ToString());

    /// <summary>Keeps a number from being given twice.</summary>
    internal static string Number(Identity identity) => Numbers + Text(identity);

    /// <summary>Says that a node has endpoints of an identity.</summary>
    internal static string Use(Identity identity, string node) => $"{Uses}{Text(identity)}/{node}";

    internal static string EndpointsOf(string node) => $"{Endpoints}{node}/";

    internal static string Endpoint(string node, string externalId) => EndpointsOf(node) + externalId;

    internal static string Network(string name) => Networks + name;

    /// <summary>A block of a network's range is one node's.</summary>
    internal static string Block(string network, IpPrefix block) => $"{Blocks}{network}/{block.ToString().Replace('/', '_')}";

    /// <summary>A document of the policy, by its content.</summary>
    internal static string Text(string hash) => Texts + hash;

    internal static string Service(string name) => Services + name;

    /// <summary>How large a service's tables are.</summary>
    internal static string Table(string service) => Tables + service;

    internal static string HealthOf(string node) => $"{Health}{node}/";

    /// <summary>What a node says of a service's backends that it has.</summary>
    internal static string HealthBy(string node, string service) => HealthOf(node) + service;

    internal static string HashOf(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static string Text(Identity identity) => identity.Value.ToString(CultureInfo.InvariantCulture);
}
