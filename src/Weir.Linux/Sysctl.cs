// SPDX-License-Identifier: Apache-2.0

namespace Weir.Linux;

/// <summary>Kernel settings under /proc/sys, of the calling thread's network namespace.</summary>
public static class Sysctl
{
    /// <param name="name">Path below /proc/sys: "net/ipv4/conf/all/forwarding".</param>
    public static string Read(string name)
    {
        try
        {
            return File.ReadAllText(PathOf(name)).TrimEnd();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"read sysctl {name}: {e.Message}", e);
        }
    }

    /// <summary>Writes a setting, unless it has the value already (also where /proc/sys is read-only).</summary>
    public static void Write(string name, string value)
    {
        if (Read(name) == value)
        {
            return;
        }

        try
        {
            File.WriteAllText(PathOf(name), value);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"set sysctl {name} to {value}: {e.Message}", e);
        }
    }

    /// <summary>True where this kernel has the setting.</summary>
    public static bool Exists(string name) => File.Exists(PathOf(name));

    private static string PathOf(string name) => "/proc/sys/" + name;
}
