// SPDX-License-Identifier: Apache-2.0
namespace Weir.Services;

/// <summary>How a packet goes to a backend that is not on this host.</summary>
public enum ServiceMode
{
    /// <summary>From this host's address; replies come back through it.</summary>
    Snat = 0,

    /// <summary>Encapsulated; the backend answers the client itself.</summary>
    Dsr = 1,

    /// <summary>To the backend's MAC, on the same segment; it answers the client itself.</summary>
    DsrL2 = 2,
}
