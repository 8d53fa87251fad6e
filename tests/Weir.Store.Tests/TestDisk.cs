// SPDX-License-Identifier: Apache-2.0
using Weir.Store.Files;

namespace Weir.Store.Tests;

/// <summary>
/// A disk in memory that knows what a loss of power would leave, and fails where told: every byte that is appended is a
/// step, and so is every other operation.
/// </summary>
internal sealed class TestDisk : IDisk
{
    private Dictionary<string, Inode> _names = new(StringComparer.Ordinal);
    private Dictionary<string, Inode> _syncedNames = new(StringComparer.Ordinal);
    private bool _hasFailed;

    /// <summary>Every step from this on fails, or the one step if <see cref="FailsOnce"/>.</summary>
    internal long FailAt { get; set; } = long.MaxValue;

    internal bool FailsOnce { get; init; }

    /// <summary>As on a disk that says it has written and has not.</summary>
    internal bool IgnoresSync { get; init; }

    internal bool IgnoresSyncNames { get; init; }

    internal long Steps { get; private set; }

    internal int Syncs { get; private set; }

    internal int NameSyncs { get; private set; }

    internal bool HasFailed => _hasFailed;

    internal IDictionary<string, byte[]> Contents => _names.ToDictionary(file => file.Key, file => file.Value.Now.ToArray());

    /// <summary>The disk after a loss of power.</summary>
    internal TestDisk After(Loss loss)
    {
        var after = new TestDisk();
        foreach ((string name, Inode file) in loss == Loss.AllThatIsNotSynced ? _syncedNames : _names)
        {
            after.Write(name, loss switch
            {
                Loss.AllThatIsNotSynced => file.Synced,
                Loss.SectorsThatAreNotSynced => file.WithUnwrittenSectors(),
                _ => [.. file.Now],
            });
        }

        return after;
    }

    internal TestDisk Copy() => After(Loss.Nothing);

    internal void Write(string name, byte[] content)
    {
        _names[name] = new Inode { Now = [.. content], Synced = content };
        _syncedNames[name] = _names[name];
    }

    public IReadOnlyList<string> List() => [.. _names.Keys.Order(StringComparer.Ordinal)];

    public string PathOf(string name) => "/disk/" + name;

    public DateTime Written(string name) => new(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);

    public byte[] Read(string name) => [.. _names[name].Now];

    public IDiskFile Create(string name)
    {
        Step();
        _names[name] = new Inode();
        return new Handle(this, _names[name]);
    }

    public IDiskFile Open(string name) => new Handle(this, _names[name]);

    public void Rename(string from, string to)
    {
        Step();
        _names[to] = _names[from];
        _names.Remove(from);
    }

    public void Delete(string name)
    {
        Step();
        _names.Remove(name);
    }

    public void SyncNames()
    {
        Step();
        NameSyncs++;
        if (!IgnoresSyncNames)
        {
            _syncedNames = new Dictionary<string, Inode>(_names, StringComparer.Ordinal);
        }
    }

    private void Step()
    {
        long step = Steps++;
        if (FailsOnce ? step == FailAt : step >= FailAt)
        {
            _hasFailed = true;
            throw new IOException("No space left on device");
        }
    }

    private sealed class Inode
    {
        internal List<byte> Now { get; init; } = [];

        internal byte[] Synced { get; set; } = [];

        internal bool IsBroken { get; set; }

        internal byte[] WithUnwrittenSectors()
        {
            byte[] content = [.. Now];
            int from = Math.Min(Synced.Length, content.Length);
            content.AsSpan(from).Clear();
            return content;
        }
    }

    private sealed class Handle(TestDisk disk, Inode file) : IDiskFile
    {
        public void Append(ReadOnlySpan<byte> bytes)
        {
            foreach (byte one in bytes)
            {
                disk.Step();
                file.Now.Add(one);
            }
        }

        public void Truncate(long length)
        {
            disk.Step();
            file.Now.RemoveRange((int)length, file.Now.Count - (int)length);
        }

        /// <summary>A sync that failed says so once; those that follow promise nothing.</summary>
        public void Sync()
        {
            bool wasBroken = file.IsBroken;
            file.IsBroken = true;
            disk.Step();
            file.IsBroken = wasBroken;
            disk.Syncs++;
            if (!disk.IgnoresSync && !wasBroken)
            {
                file.Synced = [.. file.Now];
            }
        }

        public void Dispose()
        {
        }
    }
}

/// <summary>What a loss of power takes.</summary>
internal enum Loss
{
    Nothing,
    AllThatIsNotSynced,

    /// <summary>The file is as long as it was to be, with zeros where nothing was written.</summary>
    SectorsThatAreNotSynced,
}
