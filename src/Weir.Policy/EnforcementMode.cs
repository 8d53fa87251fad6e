// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>When an endpoint is under policy. One without known labels always is.</summary>
public enum EnforcementMode
{
    /// <summary>From the first rule that selects it and speaks of the direction.</summary>
    Default,

    /// <summary>Always: without a rule nothing passes.</summary>
    Always,

    /// <summary>Never: everything passes, deny rules have no effect either.</summary>
    Never,
}
