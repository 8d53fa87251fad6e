// SPDX-License-Identifier: Apache-2.0

using System.Reflection;

namespace Weir.Cli;

/// <summary>Which build this is.</summary>
public static class ProductVersion
{
    /// <summary>As in "weir version".</summary>
    public static string Text { get; } =
        typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
