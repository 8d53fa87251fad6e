// SPDX-License-Identifier: Apache-2.0
namespace Weir.Services;

/// <summary>What a health check does.</summary>
public enum HealthCheckKind
{
    /// <summary>Opens a connection.</summary>
    Tcp,

    /// <summary>Asks for a path; any answer from 200 to 399 is good.</summary>
    Http,
}
