// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Rules;

/// <summary>What happens when a header is not as a rule wants it.</summary>
public enum HeaderMismatch
{
    /// <summary>The rule does not match.</summary>
    Refuse,

    /// <summary>The rule matches; the access record says so.</summary>
    Log,

    /// <summary>The rule matches; the wanted value is added to those there are.</summary>
    Add,

    /// <summary>The rule matches; other values are taken out.</summary>
    Delete,

    /// <summary>The rule matches; other values are taken out and the wanted one is put in.</summary>
    Replace,
}
