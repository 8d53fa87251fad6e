// SPDX-License-Identifier: Apache-2.0
namespace Weir.Control;

/// <summary>Who knows services by the numbers that the datapath has for their addresses.</summary>
public interface IServiceNames
{
    /// <summary>The service's name. Called under the control plane's lock. Null: not known.</summary>
    string? NameOf(uint frontendId);
}
