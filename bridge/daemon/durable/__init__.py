"""What must outlive a crash: changes that are on the disk before they are acknowledged, a full disk, deleting."""
