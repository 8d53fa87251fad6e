// SPDX-License-Identifier: Apache-2.0

namespace Weir.Cli;

/// <summary>By which a call says of which node's agent it is.</summary>
public static class NodeHeader
{
    public const string Name = "weir-node";
}
