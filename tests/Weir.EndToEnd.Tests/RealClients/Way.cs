// SPDX-License-Identifier: Apache-2.0
namespace Weir.EndToEnd.Tests.RealClients;

/// <summary>How a client comes to the server.</summary>
public enum Way
{
    /// <summary>By policy without HTTP: no proxy stands between.</summary>
    Directly,

    /// <summary>By HTTP policy that allows everything: all requests are read and judged.</summary>
    ThroughWeir,

    /// <summary>By HTTP policy that allows nothing of what clients ask.</summary>
    Refused,
}
