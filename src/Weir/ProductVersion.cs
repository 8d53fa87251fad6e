// SPDX-License-Identifier: Apache-2.0

using System.Reflection;

namespace Weir;

/// <summary>Which build this is.</summary>
internal static class ProductVersion
{
    internal static string Text { get; } =
        typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
