// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Weir.Linux;

/// <summary>Names of this machine's users and groups, as its own files have them; those of a directory service are
/// numbers here.</summary>
public static class AccountNames
{
    /// <summary>"root", or "user 4711".</summary>
    public static string User(uint number) => Find("/etc/passwd", number) ?? $"user {number}";

    /// <summary>The name of a group, or null.</summary>
    public static string? Group(uint number) => Find("/etc/group", number);

    private static string? Find(string file, uint number)
    {
        const int NumberField = 2;
        string wanted = number.ToString(CultureInfo.InvariantCulture);
        return File.Exists(file)
            ? File.ReadLines(file).Select(line => line.Split(':')).FirstOrDefault(fields => fields.Length > NumberField && fields[NumberField] == wanted)?[0]
            : null;
    }
}
