"""The same processes without Tenfold: started in dependency order and tuned by a careful hand."""
